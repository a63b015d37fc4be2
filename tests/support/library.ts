/**
 * Opens the native library when imported; `deno task test` preloads it. It stays open for the process, so the test that
 * opened it would count as one that leaks.
 */
import { symbols } from "../../lib/ffi/library.ts";

symbols();
