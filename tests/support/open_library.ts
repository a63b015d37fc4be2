/** Opens the native library before any test: it stays open on purpose, which a test that opened it would count as a leak. */
import { deviceInfo } from "../../lib/tensor/device_info.ts";

deviceInfo();
