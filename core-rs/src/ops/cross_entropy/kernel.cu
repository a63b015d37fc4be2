// Cross entropy of rows of logits; mod.rs has the formulas. A launch leaves the loss of each row behind, another adds
// them up in their order. Weights are float beside any logits.

struct Rows {
    u64 count, classes;
    double smoothing;
    // Whether a whole block shares a row.
    u64 by_block;
};

// What each row should be: `labels`, or `weights` where these are there.
struct Target {
    const int *labels;
    const float *weights;
};

template <class T, bool BLOCK> struct Row {
    const Team<BLOCK> &team;
    const T *x;
    u64 size;

    // The sum of value(class) over all classes.
    template <class Value> __device__ __forceinline__ float sum(Value value) const {
        float total = 0.0f;
        for (u64 i = team.thread(); i < size; i += team.size()) total += value(i);
        return team.sum(total);
    }

    __device__ __forceinline__ float max() const {
        float most = __uint_as_float(0xff800000u);
        for (u64 i = team.thread(); i < size; i += team.size()) most = larger(most, widen(x[i]));
        return team.max(most);
    }

    __device__ __forceinline__ float exponentials(float most) const {
        return sum([&](u64 i) { return expf(widen(x[i]) - most); });
    }

    // The label of a row, or 0 for one that is no class, which is a fault.
    __device__ __forceinline__ u64 label(const Target &target, u64 row, const Fault &fault) const {
        int label = target.labels[row];
        if (label >= 0 && (u64)label < size) return label;
        if (team.thread() == 0) raise_fault(fault, row < 0xffffffffu ? (u32)row : 0xffffffffu, (u32)label);
        return 0;
    }
};

template <bool BLOCK, class T>
__device__ void losses(const Rows &rows, float *room, const T *logits, const Target &target, float *to,
                       const Fault &fault) {
    Team<BLOCK> team{room};
    float smoothing = (float)rows.smoothing, kept = (float)(1.0 - rows.smoothing);
    for (u64 r = team.first(); r < rows.count; r += team.step()) {
        const T *x = logits + r * rows.classes;
        Row<T, BLOCK> row{team, x, rows.classes};
        float most = row.max(), log_sum = logf(row.exponentials(most));
        // Log probabilities of the target, and of all classes alike.
        float weight = 1.0f, of_target;
        if (target.weights) {
            const float *weights = target.weights + r * rows.classes;
            // 0 log 0 is 0: a class without weight may have no probability.
            of_target = row.sum([&](u64 i) { return weights[i] == 0.0f ? 0.0f : (widen(x[i]) - most) * weights[i]; });
            weight = row.sum([&](u64 i) { return weights[i]; });
        } else {
            of_target = widen(x[row.label(target, r, fault)]) - most;
        }
        // Of a target that is all smoothed away nothing counts, be it infinite.
        float loss = kept == 0.0f ? 0.0f : kept * (weight * log_sum - of_target);
        if (smoothing > 0.0f) {
            float of_all = row.sum([&](u64 i) { return widen(x[i]) - most; }) / (float)rows.classes;
            loss += smoothing * (log_sum - of_all);
        }
        if (team.thread() == 0) to[r] = loss;
    }
}

template <bool BLOCK, class T>
__device__ void gradients(const Rows &rows, float *room, const T *logits, const Target &target, const float *dloss,
                          T *dlogits, const Fault &fault) {
    Team<BLOCK> team{room};
    double scale = (double)*dloss / (double)rows.count;
    float kept = (float)(scale * (1.0 - rows.smoothing));
    float spread = (float)(scale * rows.smoothing / (double)rows.classes);
    for (u64 r = team.first(); r < rows.count; r += team.step()) {
        const T *x = logits + r * rows.classes;
        T *dx = dlogits + r * rows.classes;
        Row<T, BLOCK> row{team, x, rows.classes};
        float most = row.max(), sum = row.exponentials(most);
        if (target.weights) {
            const float *weights = target.weights + r * rows.classes;
            float total = row.sum([&](u64 i) { return weights[i]; });
            total = (float)(1.0 - rows.smoothing) * total + (float)rows.smoothing;
            float factor = (float)scale * total / sum;
            for (u64 i = team.thread(); i < rows.classes; i += team.size())
                dx[i] = narrow<T>(fmaf(expf(widen(x[i]) - most), factor, -fmaf(weights[i], kept, spread)));
        } else {
            u64 label = row.label(target, r, fault);
            float factor = (float)scale / sum;
            for (u64 i = team.thread(); i < rows.classes; i += team.size()) {
                float of_all = fmaf(expf(widen(x[i]) - most), factor, -spread);
                dx[i] = narrow<T>(i == label ? of_all - kept : of_all);
            }
        }
    }
}

// One block: the mean of the rows' losses.
extern "C" __global__ void cross_entropy_mean(const float *losses, float *loss, u64 count) {
    __shared__ double room[256];
    double sum = 0.0;
    for (u64 i = threadIdx.x; i < count; i += blockDim.x) sum += losses[i];
    room[threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.x > 0) return;
    for (u32 i = 1; i < blockDim.x; ++i) sum += room[i];
    *loss = (float)(sum / (double)count);
}

#define KERNELS(T, DTYPE)                                                                                            \
    extern "C" __global__ void cross_entropy_##DTYPE(const T *logits, Target target, float *losses_out, Rows rows,   \
                                                     Fault fault) {                                                  \
        __shared__ float room[WARP_SIZE];                                                                            \
        if (rows.by_block) losses<true>(rows, room, logits, target, losses_out, fault);                              \
        else losses<false>(rows, room, logits, target, losses_out, fault);                                           \
    }                                                                                                                \
    extern "C" __global__ void cross_entropy_backward_##DTYPE(const T *logits, Target target, const float *dloss,    \
                                                              T *dlogits, Rows rows, Fault fault) {                  \
        __shared__ float room[WARP_SIZE];                                                                            \
        if (rows.by_block) gradients<true>(rows, room, logits, target, dloss, dlogits, fault);                       \
        else gradients<false>(rows, room, logits, target, dloss, dlogits, fault);                                    \
    }

KERNELS(float, f32)
KERNELS(bf16, bf16)
