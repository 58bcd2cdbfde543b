// Times OpenBLAS and the machine: answers each line of work on stdin with its seconds on stdout. Argument: the number of threads.
//   gemm M N K REPS   y[M,N] = x[M,K] * w[N,K]^T in float32, by OpenBLAS
//   gemv N K REPS     y[N] = w[N,K] * x[K] in float32, by OpenBLAS
//   fma FLOPS         float32 multiply-adds on registers, FLOPS over all threads: the ceiling of arithmetic
//   read BYTES REPS   passes over a buffer of that size, shared by the threads: the ceiling of memory
#include <cblas.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef float vec __attribute__((vector_size(64)));

enum { CHAINS = 16, LANES = sizeof(vec) / sizeof(float), HUGE_PAGE = 2 << 20 };

static int threads;
static volatile float sink; // keeps the compiler from dropping the work

static float *buffer(size_t floats) {
    size_t bytes = (floats * sizeof(float) + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    float *p = aligned_alloc(HUGE_PAGE, bytes);
    if (!p) { puts("error out of memory"); exit(1); }
    madvise(p, bytes, MADV_HUGEPAGE);
#pragma omp parallel for schedule(static) num_threads(threads)
    for (size_t i = 0; i < floats; i++) p[i] = (float)(i * 2654435761u % 1000) / 1000 - 0.5f;
    return p;
}

// x, w and y are kept between lines of the same shape.
static float *x, *w, *y;

static void shape(long m, long n, long k) {
    static long last[3];
    if (last[0] == m && last[1] == n && last[2] == k) return;
    free(x), free(w), free(y);
    x = buffer(m * k), w = buffer(n * k), y = buffer(m * n);
    last[0] = m, last[1] = n, last[2] = k;
}

static double gemm(long m, long n, long k, long reps) {
    shape(m, n, k);
    double start = omp_get_wtime();
    for (long r = 0; r < reps; r++)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, 1, x, k, w, k, 0, y, n);
    return omp_get_wtime() - start;
}

static double gemv(long n, long k, long reps) {
    shape(1, n, k);
    double start = omp_get_wtime();
    for (long r = 0; r < reps; r++) cblas_sgemv(CblasRowMajor, CblasNoTrans, n, k, 1, w, k, x, 1, 0, y, 1);
    return omp_get_wtime() - start;
}

static float chains(long steps) {
    vec acc[CHAINS], a = (vec){} + 0.999f, b = (vec){} + 0.001f;
    for (int j = 0; j < CHAINS; j++) acc[j] = (vec){} + (float)j;
    for (long i = 0; i < steps; i++)
#pragma GCC unroll 16
        for (int j = 0; j < CHAINS; j++) acc[j] = acc[j] * a + b;
    for (int j = 1; j < CHAINS; j++) acc[0] += acc[j];
    return acc[0][0];
}

static double fma_peak(double flops) {
    long steps = flops / (2.0 * CHAINS * LANES * threads);
    double start = omp_get_wtime();
#pragma omp parallel num_threads(threads)
    sink = chains(steps);
    return omp_get_wtime() - start;
}

static float sum(const vec *p, size_t n) {
    vec acc[8] = {};
    for (size_t i = 0; i + 8 <= n; i += 8)
#pragma GCC unroll 8
        for (int j = 0; j < 8; j++) acc[j] += p[i + j];
    for (int j = 1; j < 8; j++) acc[0] += acc[j];
    return acc[0][0];
}

static double read_all(size_t bytes, long reps) {
    static float *memory;
    static size_t size;
    if (size < bytes) free(memory), memory = buffer(bytes / sizeof(float)), size = bytes;
    size_t n = bytes / sizeof(vec);
    double start = omp_get_wtime();
#pragma omp parallel num_threads(threads)
    {
        size_t t = omp_get_thread_num(), lo = n * t / threads, hi = n * (t + 1) / threads;
        for (long r = 0; r < reps; r++) sink = sum((vec *)memory + lo, hi - lo);
    }
    return omp_get_wtime() - start;
}

int main(int argc, char **argv) {
    threads = argc > 1 ? atoi(argv[1]) : 1;
    openblas_set_num_threads(threads);
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("ready %s\n", openblas_get_config());
    char line[256];
    while (fgets(line, sizeof line, stdin)) {
        long m, n, k, reps;
        double amount;
        if (sscanf(line, "gemm %ld %ld %ld %ld", &m, &n, &k, &reps) == 4) printf("%.9f\n", gemm(m, n, k, reps));
        else if (sscanf(line, "gemv %ld %ld %ld", &n, &k, &reps) == 3) printf("%.9f\n", gemv(n, k, reps));
        else if (sscanf(line, "fma %lf", &amount) == 1) printf("%.9f\n", fma_peak(amount));
        else if (sscanf(line, "read %ld %ld", &n, &reps) == 2) printf("%.9f\n", read_all(n, reps));
        else printf("error unknown work: %s", line);
    }
    return 0;
}
