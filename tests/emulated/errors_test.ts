/** What is missing or wrong with CUDA: a named error with its cure each time. */
import { assertEquals, assertThrows } from "@std/assert";
import { Device, tensor } from "../../mod.ts";
import { DeviceError } from "../../lib/ffi/errors.ts";
import { emulator } from "./emulator.ts";

/** The message of a device that cannot be opened. */
function refusal(): string {
  return assertThrows(() => new Device("cuda"), DeviceError).message;
}

const cure = ': use the device "cpu"';

Deno.test("cuda (emulated): no GPU, and a cuDNN of another major version, are told with what to do", () => {
  emulator.setDevices(0);
  try {
    assertEquals(
      refusal(),
      `CUDA was asked for, but the NVIDIA driver finds no GPU (CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected)${cure}`,
    );
  } finally {
    emulator.setDevices(1);
  }
  emulator.setCudnnVersion(8907);
  try {
    assertEquals(refusal(), `CUDA was asked for, but cuDNN 8.9.7 is installed where version 9 is needed${cure}`);
  } finally {
    emulator.setCudnnVersion(92100);
  }
  new Device("cuda").dispose();
});

Deno.test("cuda (emulated): f64 is refused at the call", () => {
  using device = new Device("cuda");
  using x = tensor([1, 2], undefined, { device, dtype: "f64" });
  const error = assertThrows(() => x.mul(2), DeviceError);
  assertEquals(error.message, 'affine(): Expected a dtype that CUDA computes with, got f64: use the device "cpu"');
  assertEquals([error.op, error.instead, error.lost], ["affine", "cpu", false]);
});
