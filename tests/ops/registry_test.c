#include "ops/signature.h"
#include "test.h"

static void every_name_is_there_once(void **state) {
  (void)state;
  const op_def_t *d;
  int n = 0;
  for (; (d = op_at(n)); n++)
    if (op_find(d->name) != d) fail_msg("op '%s' stands in the table twice", d->name);
  assert_true(n > 0);
  assert_null(op_at(-1));
  assert_null(op_find("NoSuchOp"));
}

static void every_signature_parses(void **state) {
  (void)state;
  arena_t *a = arena_create();
  const op_def_t *d;
  for (int i = 0; (d = op_at(i)); i++) {
    const op_signature_t *s;
    status_t st = signature_parse(a, d->sig, d->attrs, &s);
    if (st) fail_msg("op '%s': %s", d->name, status_message(st));
    assert_non_null(op_signature(d));
  }
  arena_destroy(a);
}

static void signature_is_read(void **state) {
  (void)state;
  arena_t *a = arena_create();
  const op_signature_t *s;
  assert_ok(signature_parse(
      a, "x: T, more: N * T, args: Tin, ref: Ref(T) -> index: int32, out: Tin",
      "T: type = float; N: int; Tin: list(type); axes: list(int) = [1, -2]; flag: bool = true; "
      "eps: float = 0.001; data_format: string = 'NHWC'; shape: shape = unknown; f: func; "
      "names: list(string) = ['a', 'b']; s2: shape = [2,?]",
      &s));
  assert_int_equal(s->n_in, 4);
  assert_int_equal(s->n_out, 2);
  assert_string_equal(s->in[0].type_attr, "T");
  assert_string_equal(s->in[1].number_attr, "N");
  assert_string_equal(s->in[1].type_attr, "T");
  assert_string_equal(s->in[2].list_attr, "Tin");
  assert_string_equal(s->in[3].type_attr, "T");
  assert_int_equal(s->out[0].dtype, DT_INT32);
  assert_int_equal(s->n_attrs, 11);
  assert_int_equal(s->attrs[0].fallback->type, DT_FLOAT);
  assert_null(s->attrs[1].fallback);
  assert_int_equal(s->attrs[3].fallback->n_list, 2);
  assert_int_equal(((const int64_t *)s->attrs[3].fallback->packed)[1], -2);
  assert_true(s->attrs[4].fallback->b);
  assert_float_equal(s->attrs[5].fallback->f, 0.001f, 0);
  assert_string_equal(s->attrs[6].fallback->s.p, "NHWC");
  assert_int_equal(s->attrs[7].fallback->shape.rank, -1);
  assert_string_equal(s->attrs[8].type, "func");
  assert_string_equal(s->attrs[9].fallback->list[1].s.p, "b");
  assert_int_equal(s->attrs[10].fallback->shape.d[1], -1);
  assert_ok(signature_parse(a, "->", "", &s));
  assert_int_equal(s->n_in + s->n_out + s->n_attrs, 0);
  arena_destroy(a);
}

static void bad_signatures_are_refused(void **state) {
  (void)state;
  arena_t *a = arena_create();
  const op_signature_t *s;
  assert_fails(signature_parse(a, "x: U -> y: T", "T: type", &s), INVALID_ARGUMENT, "'U'");
  assert_fails(signature_parse(a, "x: N * T -> y: T", "T: type", &s), INVALID_ARGUMENT, "'N'");
  assert_fails(signature_parse(a, "x: T", "T: type", &s), INVALID_ARGUMENT, "expected ','");
  assert_fails(signature_parse(a, "->", "k: integer", &s), INVALID_ARGUMENT, "integer");
  assert_fails(signature_parse(a, "->", "k: int = x", &s), INVALID_ARGUMENT, "number");
  arena_destroy(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_name_is_there_once),
      cmocka_unit_test(every_signature_parses),
      cmocka_unit_test(signature_is_read),
      cmocka_unit_test(bad_signatures_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
