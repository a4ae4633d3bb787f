// One row of softmax, written once; each including file is built for one instruction set and names
// the function SOFTMAX_ROW. Eight partial results let the compiler use vectors where -ffast-math is
// not given.
#include "kernels/vmath.h"

void SOFTMAX_ROW(const float *x, float *y, int64_t n, float scale, bool log);
void SOFTMAX_ROW(const float *x, float *y, int64_t n, float scale, bool log) {
  enum { LANES = 16 };
  float part[LANES], top = -INFINITY, sum = 0;
  int64_t i = 0;
  for (int v = 0; v < LANES; v++) part[v] = -INFINITY;
  for (; i + LANES <= n; i += LANES)
    for (int v = 0; v < LANES; v++) {
      float s = x[i + v] * scale;
      part[v] = s > part[v] ? s : part[v];
    }
  for (; i < n; i++) top = x[i] * scale > top ? x[i] * scale : top;
  for (int v = 0; v < LANES; v++) top = part[v] > top ? part[v] : top;
  if (log) {
    for (int v = 0; v < LANES; v++) part[v] = 0;
    for (i = 0; i + LANES <= n; i += LANES)
      for (int v = 0; v < LANES; v++) part[v] += vm_exp(x[i + v] * scale - top);
    for (; i < n; i++) sum += vm_exp(x[i] * scale - top);
    for (int v = 0; v < LANES; v++) sum += part[v];
    float down = vm_log(sum);
    for (i = 0; i < n; i++) y[i] = (x[i] * scale - top) - down;
    return;
  }
  for (i = 0; i < n; i++) y[i] = vm_exp(x[i] * scale - top);
  for (int v = 0; v < LANES; v++) part[v] = 0;
  for (i = 0; i + LANES <= n; i += LANES)
    for (int v = 0; v < LANES; v++) part[v] += y[i + v];
  for (; i < n; i++) sum += y[i];
  for (int v = 0; v < LANES; v++) sum += part[v];
  float factor = 1.0f / sum;
  for (i = 0; i < n; i++) y[i] *= factor;
}
