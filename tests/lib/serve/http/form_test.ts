import { assert, assertEquals, assertThrows } from "@std/assert";
import { formFiles } from "../../../../lib/serve/http/form.ts";
import { HttpError } from "../../../../lib/serve/http/http_error.ts";

const encoder = new TextEncoder();
const part = (name: string, content = "a"): string =>
  `--b\r\nContent-Disposition: form-data; name="f"; filename="${name}"\r\nContent-Type: image/png\r\n\r\n${content}\r\n`;

function files(text: string, { type = "multipart/form-data; boundary=b", most = 256 } = {}): [string, string][] {
  return formFiles(type, encoder.encode(text), most).map(({ name, bytes }) => [name, new TextDecoder().decode(bytes)]);
}

function refused(text: string, wanted: string, options: Parameters<typeof files>[1] = {}): number {
  return assertThrows(() => files(text, options), HttpError, wanted).status;
}

Deno.test("a form as fetch sends it: its files with their names and bytes, whatever they look like", async () => {
  const contents = ["", "\r\n", "a\r\n--", "\r\n--bb\r\n", "--\r\n\r\n", "\r", "\r\r\n", "x".repeat(70_000)];
  const names = ["a.png", "ü \u202e.png", "semi;filename=other", "", "..%2f..", "b", "c", "n".repeat(300)];
  const form = new FormData();
  for (const [at, content] of contents.entries()) {
    form.append(`name="; filename="${at}`, new File([content], names[at]!));
  }
  const sent = new Response(form);
  const bytes = new Uint8Array(await sent.clone().arrayBuffer());
  const found = formFiles(sent.headers.get("content-type")!, bytes, 256);
  assertEquals(found.map(({ bytes }) => new TextDecoder().decode(bytes)), contents);
  assertEquals(found.map(({ name }) => name), names.map((name, at) => name === "" ? `${at}` : name.slice(0, 255)));
});

Deno.test("forms as other clients write them", () => {
  const type = 'Multipart/Form-Data; charset=utf-8; Boundary="a b:c"';
  assertEquals(files(part("x").replaceAll("--b", "--a b:c") + "--a b:c--", { type }), [["x", "a"]]);
  assertEquals(files(`before\r\n${part("x")}--b--\r\nbehind`), [["x", "a"]]);
  assertEquals(files(part("x").replace("--b", "--b \t") + "--b--"), [["x", "a"]]);
  assertEquals(files(part('say \\"hi\\".png') + "--b--"), [['say "hi".png', "a"]]);
  assertEquals(files(part("x").replace('"x"', "x.png") + "--b--"), [["x.png", "a"]]);
});

Deno.test("what is no form, or no form of files", () => {
  const parts = "with a boundary and whole parts, got other bytes";
  for (const type of ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=ü"]) {
    assertEquals(refused(`${part("x")}--b--`, parts, { type }), 400);
  }
  const whole = `${part("x")}${part("y")}--b--`;
  for (let length = 0; length < whole.length; length++) assertEquals(refused(whole.slice(0, length), parts), 400);
  assertEquals(refused(`--b\r\nContent-Type: image/png\r\n\r\na\r\n--b--`, parts), 400);
  assertEquals(refused(`--b\r\nX: ${"x".repeat(20_000)}\r\n\r\na\r\n--b--`, parts), 400);
  assertEquals(refused("--b--", "Expected 1 to 256 images, got 0"), 400);
  const text = '--b\r\nContent-Disposition: form-data; name="a; filename=b"\r\n\r\na\r\n--b--';
  assertEquals(refused(text, 'Expected files alone, got text in the field "a; filename=b"'), 400);
  assertEquals(refused(part("x").repeat(3) + "--b--", "Expected 1 to 2 images, got more", { most: 2 }), 413);
});

Deno.test("a form of a million parts, and one of bytes that look like boundaries, hold nobody up", () => {
  const few = "\r\n--".repeat(4 * 2 ** 20);
  for (
    const [text, wanted] of [
      [`${part("x").repeat(300_000)}--b--`, "got more"],
      [`${part("x", few)}`, "got other bytes"],
      [few, "got other bytes"],
    ] as const
  ) {
    const bytes = encoder.encode(text);
    const start = performance.now();
    assertThrows(() => formFiles("multipart/form-data; boundary=b", bytes, 256), HttpError, wanted);
    assert(performance.now() - start < 2000, `${performance.now() - start} ms`);
  }
});
