/* What stands between the convolutions of a synthesis block, with one pass over memory each.

   Features are float32, channels last: (B, H, W, C). Images are (B, J, H, W). Sums are made over
   chunks of a fixed size, so that they do not depend on the number of threads. */
#include <stdlib.h>
#include <string.h>

#define SLOPE 0.2f
#define CHUNK 32768
static const float FIR[4] = {0.25f, 0.75f, 0.75f, 0.25f}; /* [1, 3, 3, 1], gain 2 in each direction */

static long rows_of_a_chunk(int W, int C)
{
    const long rows = CHUNK / ((long)W * C);
    return rows < 1 ? 1 : rows;
}

long chunks(int H, int W, int C)
{
    const long rows = rows_of_a_chunk(W, C);
    return (H + rows - 1) / rows;
}

/* Room for a sum of rows and, behind it, for a row of zeros. */
static float *room(int W, int C) { return calloc((2 * (long)W + 6) * C, sizeof(float)); }

/* Row r of the filtered features of one sample, padded by `pad` on the left and the top. */
static void filtered_row(const float *in, int Hi, int Wi, int C, int r, int pad, int Wo, float *sum,
                         float *out)
{
    const long width = (long)Wi * C, wanted = (long)Wo * C;
    const float *zeros = sum + (long)(Wi + 4) * C, *from[4];
    float *row = sum + (long)pad * C;
    for (int i = 0; i < 4; i++) {
        const int y = r - pad + i;
        from[i] = y < 0 || y >= Hi ? zeros : in + y * width;
    }
    const float *a = from[0], *b = from[1], *c = from[2], *d = from[3];
    #pragma omp simd
    for (long j = 0; j < width; j++) row[j] = FIR[0] * (a[j] + d[j]) + FIR[1] * (b[j] + c[j]);
    #pragma omp simd
    for (long j = 0; j < wanted; j++)
        out[j] = FIR[0] * (sum[j] + sum[j + 3 * C]) + FIR[1] * (sum[j + C] + sum[j + 2 * C]);
}

/* Filtered features, padded by 2 on each side: (H, W) to (H + 1, W + 1). */
void filter(const float *in, float *out, long B, int H, int W, int C)
{
    #pragma omp parallel
    {
        float *sum = room(W, C);
        #pragma omp for
        for (long t = 0; t < B * (H + 1); t++)
            filtered_row(in + t / (H + 1) * H * W * C, H, W, C, t % (H + 1), 2, W + 1, sum,
                         out + t * (W + 1) * C);
        free(sum);
    }
}

/* out += image doubled in size by the filter; n images (H, W). */
void add_doubled(const float *image, float *out, long n, int H, int W)
{
    #pragma omp parallel
    {
        float *sum = calloc(W + 2, sizeof(float));
        #pragma omp for
        for (long t = 0; t < n * 2 * H; t++) {
            const int r = t % (2 * H), near = r / 2, far = r % 2 ? near + 1 : near - 1;
            const float *from = image + t / (2 * H) * H * W, weight = far < 0 || far >= H ? 0 : 0.25f;
            const float *a = from + (long)near * W, *b = weight ? from + (long)far * W : a;
            float *to = out + t * 2 * W;
            #pragma omp simd
            for (int j = 0; j < W; j++) sum[j + 1] = 0.75f * a[j] + weight * b[j];
            #pragma omp simd
            for (int j = 0; j < W; j++) {
                to[2 * j] += 0.75f * sum[j + 1] + 0.25f * sum[j];
                to[2 * j + 1] += 0.75f * sum[j + 1] + 0.25f * sum[j + 2];
            }
        }
        free(sum);
    }
}

/* The gradient of what was doubled; n images (2H, 2W) to (H, W). */
void halved(const float *gradient, float *out, long n, int H, int W)
{
    #pragma omp parallel
    {
        float *sum = calloc(2 * W + 2, sizeof(float));
        #pragma omp for
        for (long t = 0; t < n * H; t++) {
            const int r = t % H;
            const float *from = gradient + t / H * 4 * H * W;
            memset(sum, 0, sizeof(float) * (2 * W + 2));
            for (int i = 0; i < 4; i++) {
                const int y = 2 * r - 1 + i;
                if (y < 0 || y >= 2 * H) continue;
                #pragma omp simd
                for (int j = 0; j < 2 * W; j++) sum[j + 1] += FIR[i] * from[(long)y * 2 * W + j];
            }
            #pragma omp simd
            for (int j = 0; j < W; j++)
                out[t * W + j] = FIR[0] * (sum[2 * j] + sum[2 * j + 3])
                               + FIR[1] * (sum[2 * j + 1] + sum[2 * j + 2]);
        }
        free(sum);
    }
}

/* out = s x, for x (B, P, C). */
void scale(const float *x, const float *s, float *out, long B, long P, int C)
{
    #pragma omp parallel for
    for (long t = 0; t < B * P; t++) {
        const float *from = x + t * C, *by = s + t / P * C;
        #pragma omp simd
        for (int c = 0; c < C; c++) out[t * C + c] = from[c] * by[c];
    }
}

/* gx becomes s gx; sums of gx h over every chunk, (B, chunks, C). */
void scale_backward(float *gx, const float *h, const float *s, float *sums, long B, int H, int W,
                    int C)
{
    const long rows = rows_of_a_chunk(W, C), m = chunks(H, W, C);
    #pragma omp parallel for
    for (long t = 0; t < B * m; t++) {
        const long b = t / m, first = t % m * rows, last = first + rows < H ? first + rows : H;
        const float *by = s + b * C;
        float *dot = sums + t * C;
        memset(dot, 0, sizeof(float) * C);
        for (long p = (b * H + first) * W; p < (b * H + last) * W; p++) {
            float *g = gx + p * C;
            const float *of = h + p * C;
            #pragma omp simd
            for (int c = 0; c < C; c++) {
                dot[c] += g[c] * of[c];
                g[c] *= by[c];
            }
        }
    }
}

/* h = leaky(d in + noise + bias), cut to the limit. Where they are asked for, x = s h and
   rgb = k h + offset, cut as well. With `pending`, `in` is (H + 1, W + 1) and filtered first. */
void activate(const float *in, int pending, const float *noise, const float *d, const float *bias,
              float limit, const float *s, const float *k, const float *offset, int J, float *h,
              float *x, float *rgb, long B, int H, int W, int C)
{
    #pragma omp parallel
    {
        float *sum = room(W + 1, C);
        #pragma omp for
        for (long t = 0; t < B * H; t++) {
            const long b = t / H;
            const float *db = d + b * C, *row = in + t * W * C;
            float *out = h + t * W * C;
            if (pending) {
                filtered_row(in + b * (H + 1) * (W + 1) * C, H + 1, W + 1, C, t % H, 1, W, sum, out);
                row = out;
            }
            for (int p = 0; p < W; p++) {
                const float n = noise[t * W + p], *from = row + (long)p * C;
                float *to = out + (long)p * C;
                #pragma omp simd
                for (int c = 0; c < C; c++) {
                    float y = from[c] * db[c] + (n + bias[c]);
                    y = y > 0 ? y : SLOPE * y;
                    y = y > limit ? limit : y;
                    to[c] = y < -limit ? -limit : y;
                }
                if (x) {
                    const float *sb = s + b * C;
                    float *next = x + (t * W + p) * C;
                    #pragma omp simd
                    for (int c = 0; c < C; c++) next[c] = to[c] * sb[c];
                }
                for (int j = 0; j < J; j++) {
                    const float *kj = k + (b * J + j) * C;
                    float y = 0;
                    #pragma omp simd reduction(+ : y)
                    for (int c = 0; c < C; c++) y += to[c] * kj[c];
                    y += offset[j];
                    y = y > limit ? limit : y;
                    rgb[((b * J + j) * H + t % H) * W + p] = y < -limit ? -limit : y;
                }
            }
        }
        free(sum);
    }
}

/* The gradient of `activate`, but for the filter, of gx, that of x, and grgb, that of rgb:

       a = gx + k' grgb,   g = s a where the leaky ReLU is steep, 0.2 s a elsewhere, 0 at the limit,
       gin = d g,          gnoise = the sum of g over channels,

   and sums over every chunk, (B, chunks, 2 + J, C), of a h, of d g in, and of grgb h. gx may be
   missing, or be gin. */
void activate_backward(const float *gx, const float *h, const float *noise, const float *d,
                       const float *bias, float limit, const float *s, const float *k,
                       const float *grgb, int J, float *gin, float *gnoise, float *sums, long B,
                       int H, int W, int C)
{
    const long rows = rows_of_a_chunk(W, C), m = chunks(H, W, C), P = (long)H * W;
    #pragma omp parallel for
    for (long t = 0; t < B * m; t++) {
        const long b = t / m, first = t % m * rows, last = first + rows < H ? first + rows : H;
        const float *db = d + b * C, *sb = s + b * C;
        float *dot = sums + t * (2 + J) * C, *inner = dot + C;
        memset(dot, 0, sizeof(float) * (2 + J) * C);
        for (long p = first * W; p < last * W; p++) {
            const float *of = h + (b * P + p) * C, n = noise[b * P + p];
            const float *a = gx ? gx + (b * P + p) * C : NULL;
            float *to = gin + (b * P + p) * C, total = 0;
            if (a == NULL) a = memset(to, 0, sizeof(float) * C);
            for (int j = 0; j < J; j++) {
                const float gj = grgb[(b * J + j) * P + p], *kj = k + (b * J + j) * C;
                float *outer = inner + (1 + j) * C;
                #pragma omp simd
                for (int c = 0; c < C; c++) {
                    to[c] = a[c] + gj * kj[c];
                    outer[c] += gj * of[c];
                }
                a = to;
            }
            #pragma omp simd reduction(+ : total)
            for (int c = 0; c < C; c++) {
                const float y = of[c], steep = y > 0 ? 1.0f : SLOPE, back = y > 0 ? 1.0f : 1 / SLOPE;
                const float g = y < limit && y > -limit ? steep * sb[c] * a[c] : 0.0f;
                dot[c] += a[c] * y;
                inner[c] += g * (back * y - (n + bias[c]));
                total += g;
                to[c] = g * db[c];
            }
            gnoise[b * P + p] = total;
        }
    }
}
