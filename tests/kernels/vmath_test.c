// vmath.h against the C library in double precision, over all exponents.
#include "kernels/vmath.h"

#include "test.h"

typedef struct {
  const char *name;
  float (*f)(float);
  double (*truth)(double);
  float lo, hi;
  double max_ulp;
} case_t;

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double softplus(double x) { return fmax(x, 0) + log1p(exp(-fabs(x))); }

// Distance from the true value in units of the last place of the float nearest to it.
static double ulps(float got, double want) {
  if (isnan(want)) return isnan(got) ? 0 : INFINITY;
  float nearest = (float)want;
  if (isinf(nearest) || isinf(got)) return nearest == got ? 0 : INFINITY;
  double unit = fabsf(nearest) < 0x1p-126f ? 0x1p-149 : scalbn(1, ilogbf(nearest) - 23);
  return fabs((double)got - want) / unit;
}

static const case_t cases[] = {
    {"exp", vm_exp, exp, -110, 95, 1.5},         {"log", vm_log, log, 0, INFINITY, 1.5},
    {"log1p", vm_log1p, log1p, -1, INFINITY, 2}, {"sigmoid", vm_sigmoid, sigmoid, -95, 95, 2.5},
    {"tanh", vm_tanh, tanh, -20, 20, 2},         {"erf", vm_erf, erf, -6, 6, 2},
    {"expm1", vm_expm1, expm1, -100, 95, 2},     {"softplus", vm_softplus, softplus, -95, 95, 2.5},
    {"sin", vm_sin, sin, -6000, 6000, 2.5},      {"cos", vm_cos, cos, -6000, 6000, 2.5},
};

static void test_accuracy(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const case_t *c = &cases[i];
    double worst = 0;
    float at = 0;
    for (uint32_t u = 0; u < 0xffffff00u - 7919u; u += 7919u) {
      float x = vm_f(u);
      if (!(x >= c->lo && x <= c->hi)) continue;
      double e = ulps(c->f(x), c->truth((double)x));
      if (e > worst) worst = e, at = x;
    }
    if (!(worst <= c->max_ulp))
      fail_msg("%s(%.9g) = %.9g is %.2f ulp off", c->name, (double)at, (double)c->f(at), worst);
  }
}

static void test_special_values(void **state) {
  (void)state;
  static const float x[] = {
      0.0f,      -0.0f,      1.0f,      -1.0f,           INFINITY,         -INFINITY, NAN,
      0x1p-149f, -0x1p-149f, 0x1p-126f, 0x1.fffffep127f, -0x1.fffffep127f, 88.8f,     -103.9f};
  for (size_t i = 0; i < 8; i++)
    for (size_t k = 0; k < sizeof x / sizeof *x; k++) {
      double want = cases[i].truth((double)x[k]);
      float got = cases[i].f(x[k]);
      if (!(ulps(got, want) <= cases[i].max_ulp))
        fail_msg("%s(%g) = %g", cases[i].name, (double)x[k], (double)got);
      if (want == 0 && !signbit(want) != !signbit(got))
        fail_msg("%s(%g): sign of zero", cases[i].name, (double)x[k]);
    }
  assert_true(isnan(vm_sin(INFINITY)) && isnan(vm_cos(-INFINITY)) && isnan(vm_sin(NAN)));
  assert_true(vm_cos(0) == 1 && signbit(vm_sin(-0.0f)));
}

// As good as its results' 16 bits, over all floats.
static void test_gelu_half(void **state) {
  (void)state;
  for (uint32_t u = 0; u < 0xffffff00u - 7919u; u += 7919u) {
    float x = vm_f(u), got = vm_gelu_half(x);
    if (isnan(x)) {
      assert_true(isnan(got));
      continue;
    }
    if (isinf(x)) continue;
    double want = 0.5 * (double)x * erfc(-(double)x / sqrt(2));
    if (!(fabs((double)got - want) <= fabs(want) * 0x1p-12 + 0x1p-26))
      fail_msg("gelu(%.9g) = %.9g, expected %.9g", (double)x, (double)got, want);
  }
  assert_true(isnan(vm_gelu_half(NAN)) && vm_gelu_half(INFINITY) == INFINITY);
  assert_true(vm_gelu_half(-60000) == 0 && vm_gelu_half(0) == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_accuracy),
                                     cmocka_unit_test(test_special_values),
                                     cmocka_unit_test(test_gelu_half)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
