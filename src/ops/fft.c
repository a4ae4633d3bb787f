// FFT, RFFT, IFFT, IRFFT over the last one, two or three dims.
#include "kernels/fft.h"

#include <complex.h>
#include <inttypes.h>
#include <string.h>

#include "base/parallel.h"
#include "ops/math.h"

typedef struct {
  int dims;  // 1, 2 or 3
  bool inverse, real;
} kind_t;

static kind_t kind_of(const char *op) {
  const char *fft = strstr(op, "FFT");
  kind_t k = {.dims = fft[3] ? fft[3] - '0' : 1};
  k.inverse = op[0] == 'I';
  k.real = op[k.inverse ? 1 : 0] == 'R';
  return k;
}

static status_t infer_fft(infer_ctx_t *c) {
  kind_t kind = kind_of(c->node->op);
  shape_t out = *infer_in(c, 0), lengths;
  if (out.rank >= 0 && out.rank < kind.dims)
    return OP_FAIL(c, INVALID_ARGUMENT, "the input must have at least %d dimensions", kind.dims);
  if (kind.real && out.rank >= 0) {
    bool known = infer_dims(c, 1, &lengths) && lengths.rank == kind.dims;
    for (int i = 0; i < kind.dims; i++) {
      int64_t n = known ? lengths.d[i] : -1;
      if (i == kind.dims - 1 && !kind.inverse) n = n < 0 ? -1 : n ? n / 2 + 1 : 0;
      out.d[out.rank - kind.dims + i] = n;
    }
  }
  infer_out(c, 0, &out);
  return NULL;
}

typedef struct {
  const fft_t *f;
  fft_complex_t *work, *scratch;
  int64_t n, inner;
  size_t scratch_each;
  bool inverse, extend;
} lines_t;

static void run_lines(void *arg, int64_t begin, int64_t end, int thread) {
  const lines_t *j = arg;
  fft_complex_t *scratch = j->scratch + (size_t)thread * (j->scratch_each + (size_t)j->n);
  fft_complex_t *line = scratch + j->scratch_each;
  for (int64_t l = begin; l < end; l++) {
    fft_complex_t *base = j->work + (l / j->inner) * j->n * j->inner + l % j->inner;
    for (int64_t i = 0; i < j->n; i++) line[i] = base[i * j->inner];
    if (j->extend)  // the other half of the spectrum of a real signal
      for (int64_t i = j->n / 2 + 1; i < j->n; i++) line[i] = conj(line[j->n - i]);
    fft_run(j->f, line, j->inverse, scratch);
    for (int64_t i = 0; i < j->n; i++) base[i * j->inner] = line[i];
  }
}

static status_t transform_axis(op_ctx_t *c, tensor_t *work, int axis, bool inverse, bool extend) {
  lines_t j = {.work = work->data,
               .n = work->shape.d[axis],
               .inner = 1,
               .inverse = inverse,
               .extend = extend};
  for (int i = axis + 1; i < work->shape.rank; i++) j.inner *= work->shape.d[i];
  int64_t lines = tensor_elements(work) / j.n;
  fft_t *f = fft_create(j.n);
  if (!f) return OP_FAIL(c, RESOURCE_EXHAUSTED, "out of memory for length %" PRId64, j.n);
  j.f = f;
  j.scratch_each = fft_scratch(f);
  int threads = c->threads > 0 ? c->threads : 1;
  tensor_t room = {0};
  shape_t size = SHAPE(threads, (int64_t)j.scratch_each + j.n);
  status_t st = op_temp(c, DT_COMPLEX128, &size, &room);
  if (!st) {
    j.scratch = room.data;
    parallel_for(threads, lines, 8192 / j.n + 1, run_lines, &j);
  }
  tensor_unref(&room);
  fft_destroy(f);
  return st;
}

// Moves the corner that two row-major arrays of equal outer size have in common.
typedef struct {
  int64_t outer, d[3];
} box_t;

static box_t box_of(const shape_t *s, int dims) {
  box_t b = {.outer = 1, .d = {1, 1, 1}};
  for (int i = 0; i < s->rank - dims; i++) b.outer *= s->d[i];
  for (int i = 0; i < dims; i++) b.d[3 - dims + i] = s->d[s->rank - dims + i];
  return b;
}

static fft_complex_t load(const tensor_t *t, int64_t i) {
  switch (t->dtype) {
    case DT_FLOAT: return (double)TENSOR_DATA(float, t)[i];
    case DT_DOUBLE: return TENSOR_DATA(double, t)[i];
    case DT_COMPLEX64:
      return CMPLX((double)TENSOR_DATA(float, t)[2 * i], (double)TENSOR_DATA(float, t)[2 * i + 1]);
    default: return TENSOR_DATA(fft_complex_t, t)[i];
  }
}

static void store(tensor_t *t, int64_t i, fft_complex_t v) {
  switch (t->dtype) {
    case DT_FLOAT: TENSOR_DATA(float, t)[i] = (float)creal(v); break;
    case DT_DOUBLE: TENSOR_DATA(double, t)[i] = creal(v); break;
    case DT_COMPLEX64:
      TENSOR_DATA(float, t)[2 * i] = (float)creal(v);
      TENSOR_DATA(float, t)[2 * i + 1] = (float)cimag(v);
      break;
    default: TENSOR_DATA(fft_complex_t, t)[i] = v;
  }
}

static void copy_corner(const tensor_t *from, tensor_t *to, int dims, double scale) {
  box_t a = box_of(&from->shape, dims), b = box_of(&to->shape, dims);
  int64_t m[3];
  for (int i = 0; i < 3; i++) m[i] = a.d[i] < b.d[i] ? a.d[i] : b.d[i];
  for (int64_t o = 0; o < a.outer; o++)
    for (int64_t x = 0; x < m[0]; x++)
      for (int64_t y = 0; y < m[1]; y++) {
        int64_t at = ((o * a.d[0] + x) * a.d[1] + y) * a.d[2];
        int64_t dst = ((o * b.d[0] + x) * b.d[1] + y) * b.d[2];
        for (int64_t z = 0; z < m[2]; z++) store(to, dst + z, load(from, at + z) * scale);
      }
}

static status_t kernel_fft(op_ctx_t *c) {
  kind_t kind = kind_of(c->node->op);
  const tensor_t *in = &c->in[0];
  int dims = kind.dims;
  bool complex_in = kind.inverse || !kind.real;
  if (complex_in != dtype_is_complex(in->dtype)) return math_no_kernel(c, 0);
  if (!complex_in && in->dtype != DT_FLOAT && in->dtype != DT_DOUBLE) return math_no_kernel(c, 0);
  if (in->shape.rank < dims)
    return OP_FAIL(c, INVALID_ARGUMENT, "the input must have at least %d dimensions", dims);
  shape_t full = in->shape, out = in->shape;
  int64_t length[3];
  int n_length = 0, first = full.rank - dims;
  if (kind.real) {
    TRY(op_ints(c, 1, length, 3, &n_length));
    if (n_length != dims)
      return OP_FAIL(c, INVALID_ARGUMENT, "fft_length must have shape [%d]", dims);
    for (int i = 0; i < dims; i++) {
      if (length[i] < 0) return OP_FAIL(c, INVALID_ARGUMENT, "fft_length must be >= 0");
      full.d[first + i] = out.d[first + i] = length[i];
    }
    int64_t last = length[dims - 1];
    if (!kind.inverse) out.d[out.rank - 1] = last ? last / 2 + 1 : 0;
    for (int i = 0; i < dims; i++) {  // TensorFlow pads nothing: too short an input is an error
      int64_t have = in->shape.d[first + i];
      int64_t need =
          kind.inverse && i == dims - 1 ? (length[i] ? length[i] / 2 + 1 : 0) : length[i];
      if (tensor_elements(in) && have < need)
        return OP_FAIL(c, INVALID_ARGUMENT,
                       "input dimension %d must have length of at least %" PRId64
                       " but got: %" PRId64,
                       first + i, need, have);
    }
  }
  tensor_t *y, work;
  TRY(op_out(c, 0, &out, &y));
  if (tensor_elements(y) == 0) return NULL;
  if (shape_elements(&full) == 0 || tensor_elements(in) == 0) {
    memset(y->data, 0, tensor_bytes(y));
    return NULL;
  }
  TRY(op_temp(c, DT_COMPLEX128, &full, &work));
  memset(work.data, 0, tensor_bytes(&work));
  copy_corner(in, &work, dims, 1);
  double scale = 1;
  status_t st = NULL;
  for (int i = 0; i < dims && !st; i++) {
    // The real-to-complex axis goes first forward and last backward.
    int axis = kind.inverse ? first + i : full.rank - 1 - i;
    st = transform_axis(c, &work, axis, kind.inverse, kind.real && kind.inverse && i == dims - 1);
    if (kind.inverse) scale /= (double)full.d[axis];
  }
  if (!st) copy_corner(&work, y, dims, scale);
  tensor_unref(&work);
  return st;
}

#define COMPLEX(NAME)                                                               \
  {                                                                                 \
    .name = NAME, .sig = "input: Tcomplex -> output: Tcomplex",                     \
    .attrs = "Tcomplex: type = complex64", .infer = infer_fft, .kernel = kernel_fft \
  }
#define REAL(NAME)                                                                  \
  {                                                                                 \
    .name = NAME, .sig = "input: Treal, fft_length: int32 -> output: Tcomplex",     \
    .attrs = "Treal: type = float; Tcomplex: type = complex64", .infer = infer_fft, \
    .kernel = kernel_fft                                                            \
  }
#define INVERSE_REAL(NAME)                                                          \
  {                                                                                 \
    .name = NAME, .sig = "input: Tcomplex, fft_length: int32 -> output: Treal",     \
    .attrs = "Treal: type = float; Tcomplex: type = complex64", .infer = infer_fft, \
    .kernel = kernel_fft                                                            \
  }

const op_def_t ops_fft[] = {
    COMPLEX("FFT"),
    COMPLEX("FFT2D"),
    COMPLEX("FFT3D"),
    COMPLEX("IFFT"),
    COMPLEX("IFFT2D"),
    COMPLEX("IFFT3D"),
    REAL("RFFT"),
    REAL("RFFT2D"),
    REAL("RFFT3D"),
    INVERSE_REAL("IRFFT"),
    INVERSE_REAL("IRFFT2D"),
    INVERSE_REAL("IRFFT3D"),
    {0},
};
