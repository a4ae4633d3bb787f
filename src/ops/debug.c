// Assert, Print and the like: ops that talk to people.
#include <string.h>

#include "ops/elements.h"
#include "ops/env.h"
#include "ops/op.h"

typedef VEC(char) text_t;

static void put(text_t *o, const char *s, size_t n) {
  for (size_t i = 0; i < n; i++) vec_push(o, s[i]);
}

static void put_tensor(text_t *o, const tensor_t *t, int64_t most) {
  char *s = elements_text(t, most);
  put(o, s, strlen(s));
  mem_free(s);
}

static status_t assert_kernel(op_ctx_t *c) {
  int64_t yes = 0;
  TRY(op_int(c, 0, &yes));
  if (yes) return NULL;
  text_t o = {0};
  for (int i = 1; i < c->n_in; i++) {
    put(&o, " [", 2);
    put_tensor(&o, &c->in[i], node_int(c->node, "summarize", 3));
    put(&o, "]", 1);
  }
  vec_push(&o, '\0');
  status_t st = OP_FAIL(c, INVALID_ARGUMENT, "assertion failed:%s", o.v);
  vec_free(&o);
  return st;
}

static void say(op_ctx_t *c, text_t *o) {
  if (c->env && c->env->print) c->env->print(c->env, o->v, o->n);
  vec_free(o);
}

static status_t print_kernel(op_ctx_t *c) {
  if (c->env && c->env->print) {
    text_t o = {0};
    const char *message = node_string(c->node, "message");
    put(&o, message, strlen(message));
    for (int i = 1; i < c->n_in; i++) {
      put(&o, "[", 1);
      put_tensor(&o, &c->in[i], node_int(c->node, "summarize", 3));
      put(&o, "]", 1);
    }
    put(&o, "\n", 1);
    say(c, &o);
  }
  op_forward(c, 0, 0, &c->in[0].shape);
  return NULL;
}

static status_t print_v2(op_ctx_t *c) {
  if (c->in[0].dtype != DT_STRING || tensor_elements(&c->in[0]) != 1)
    return OP_FAIL(c, INVALID_ARGUMENT, "the text is no scalar string");
  text_t o = {0};
  const str_t *s = TENSOR_DATA(str_t, &c->in[0]);
  put(&o, s->p, s->n);
  const attr_value_t *end = node_attr(c->node, "end");
  if (end)
    put(&o, end->s.p, end->s.n);
  else
    put(&o, "\n", 1);
  say(c, &o);
  return NULL;
}

const op_def_t ops_debug[] = {
    {.name = "Assert",
     .sig = "condition: bool, data: T ->",
     .attrs = "T: list(type); summarize: int = 3",
     .kernel = assert_kernel,
     .flags = OP_STATEFUL},
    {.name = "Print",
     .sig = "input: T, data: U -> output: T",
     .attrs = "T: type; U: list(type); message: string = ''; first_n: int = -1; summarize: int = 3",
     .infer = infer_same,
     .kernel = print_kernel,
     .flags = OP_STATEFUL},
    {.name = "PrintV2",
     .sig = "input: string ->",
     .attrs = "output_stream: string = 'stderr'; end: string = '\n'",
     .kernel = print_v2,
     .flags = OP_STATEFUL},
    {0},
};
