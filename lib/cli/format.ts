/** A number with commas between thousands: 9,469, or 10.4 with one digit. */
export function formatNumber(value: number, digits = 0): string {
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A time as a clock shows it, 7:04 or 1:02:03; below ten seconds with a tenth, 3.2 s. */
export function formatDuration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (!Number.isFinite(seconds)) return "?";
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const two = (value: number): string => String(value).padStart(2, "0");
  const minutes = Math.floor(whole / 60) % 60;
  const hours = Math.floor(whole / 3600);
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** Images (or steps) a second: one digit below 100, none above. */
export function formatRate(perSecond: number): string {
  return formatNumber(perSecond, perSecond < 100 ? 1 : 0);
}

/** Metrics by name: `error 0.1234`. */
export function formatMetrics(metrics: Readonly<Record<string, number | null>>): string[] {
  return Object.entries(metrics).flatMap(([name, value]) => value === null ? [] : `${name} ${value.toFixed(4)}`);
}

/** A fraction 0..1 as per cent: 58.0 %. */
export function formatPercent(fraction: number, digits = 1): string {
  return `${(fraction * 100).toFixed(digits)} %`;
}
