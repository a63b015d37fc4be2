/**
 * Opens the native library when imported: tests are watched for resources that they open and leave open, and the
 * library stays open for the process.
 */
import { symbols } from "../../lib/ffi/library.ts";

symbols();
