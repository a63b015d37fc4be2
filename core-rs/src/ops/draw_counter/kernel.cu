// Counters of draws, i32 [4]: seed, layer, draws, draws that were kept. One thread each.

extern "C" __global__ void next_draw(u32 *counter, u32 *draw, Fault fault) {
    for (u32 i = 0; i < 3; ++i) draw[i] = counter[i];
    if (!has_failed(fault)) counter[2] += 1;
}

extern "C" __global__ void keep_draws(u32 *counter, u32 from, u32 to, Fault fault) {
    if (!has_failed(fault)) counter[to] = counter[from];
}
