// Keeps the device busy for some ticks of a multiprocessor's clock.
extern "C" __global__ void keep_busy(u64 ticks) {
    u64 start = (u64)clock64();
    while ((u64)clock64() - start < ticks) {
    }
}
