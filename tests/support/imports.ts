/** What a TypeScript file imports and names, read from its text: comments and strings do not count as code. */

/** A piece of a file's text: a word, a text in quotes (of a template what stands before its first `${`), or a sign. */
export interface Token {
  readonly kind: "word" | "text" | "sign";
  readonly value: string;
}

/** Words after which a slash begins a pattern and not a division. */
const beforePattern = new Set(["return", "typeof", "case", "in", "of", "delete", "void", "throw", "await", "yield"]);

const pieces = {
  space: /\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\//y,
  word: /[\p{ID_Start}_$][\p{ID_Continue}$]*/uy,
  number: /\d[\w.]*/y,
  text: /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/y,
  pattern: /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y,
} as const;

/** Reads tokens from a place; ends at the end, or at the brace that closes a template's `${`. */
class Reader {
  readonly tokens: Token[] = [];
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  /** Whether a slash here begins a pattern. */
  #patternMayCome(): boolean {
    const last = this.tokens.at(-1);
    if (last === undefined) return true;
    return last.kind === "sign" ? !")]}0".includes(last.value) : last.kind === "word" && beforePattern.has(last.value);
  }

  #template(): void {
    const start = ++this.#at;
    const place = this.tokens.push({ kind: "text", value: "" }) - 1;
    let fixed: string | undefined;
    while (this.#at < this.#source.length && this.#source[this.#at] !== "`") {
      if (this.#source[this.#at] === "\\") this.#at++;
      else if (this.#source.startsWith("${", this.#at)) {
        fixed ??= this.#source.slice(start, this.#at);
        this.#at += 2;
        this.read("}");
        continue;
      }
      this.#at++;
    }
    this.tokens[place] = { kind: "text", value: fixed ?? this.#source.slice(start, this.#at) };
    this.#at++;
  }

  read(end?: string): void {
    for (let depth = 0; this.#at < this.#source.length;) {
      if (this.#take(pieces.space) !== undefined) continue;
      const word = this.#take(pieces.word);
      if (word !== undefined) {
        this.tokens.push({ kind: "word", value: word });
        continue;
      }
      const text = this.#take(pieces.text);
      if (text !== undefined) {
        this.tokens.push({ kind: "text", value: text.slice(1, -1) });
        continue;
      }
      // A number is to what follows it as a closing bracket is.
      if (this.#take(pieces.number) !== undefined) {
        this.tokens.push({ kind: "sign", value: "0" });
        continue;
      }
      const sign = this.#source[this.#at]!;
      if (sign === "`") {
        this.#template();
        continue;
      }
      if (sign === "/" && this.#patternMayCome() && this.#take(pieces.pattern) !== undefined) {
        this.tokens.push({ kind: "text", value: "" });
        continue;
      }
      this.#at++;
      if (sign === end && depth === 0) return;
      depth += sign === "{" ? 1 : sign === "}" ? -1 : 0;
      this.tokens.push({ kind: "sign", value: sign });
    }
  }
}

/** The tokens of a file's text. */
export function tokensOf(source: string): readonly Token[] {
  const reader = new Reader(source);
  reader.read();
  return reader.tokens;
}

/** One import of a file. */
export interface Import {
  /** As it is written; of a template its beginning. */
  readonly specifier: string;
  /** Whether it takes types alone. */
  readonly types: boolean;
}

/** Every import of a file: static ones, types alone, `export … from`, and `import()`. */
export function importsOf(source: string): Import[] {
  const tokens = tokensOf(source);
  const found: Import[] = [];
  const word = (at: number, value: string): boolean => tokens[at]?.kind === "word" && tokens[at].value === value;
  let types = false;
  tokens.forEach(({ kind, value }, at) => {
    // `import.meta` has a sign behind it, a member called so has one before it.
    if (word(at, "import") || word(at, "export")) types = word(at + 1, "type");
    if (kind !== "text") return;
    const called = tokens[at - 1]?.value === "(" && tokens[at - 1]?.kind === "sign" && word(at - 2, "import");
    if (called) found.push({ specifier: value, types: false });
    else if (word(at - 1, "from") || word(at - 1, "import")) found.push({ specifier: value, types });
  });
  return found;
}
