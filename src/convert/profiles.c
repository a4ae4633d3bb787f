// Optimisation profiles of the engines that build() makes in dynamic-shape mode: from the shape
// sets that it met, or from bounds that a user gave.
#include "convert/profiles.h"

#include "runtime/segment_build.h"

static bool may_be_shape(dtype_t t) { return t == DT_INT32 || t == DT_INT64; }

// The network tells which inputs shapes depend on. A segment that cannot be lowered has no such
// inputs; its build will say why it fails.
void find_shape_inputs(converter_t *c, engine_node_t *e) {
  const graph_t *body = e->function->body;
  bool any = false;
  e->is_shape = arena_alloc(c->own, (size_t)e->n_inputs + 1);
  for (int i = 0; i < e->n_inputs; i++) any |= may_be_shape(body->args[i]->out_dtype[0]);
  network_t *net = NULL;
  status_t st = any ? segment_lower(e->function->body, e->node->name, NULL, &net) : NULL;
  if (net) network_shape_inputs(net, e->is_shape);
  status_free(st);
  network_destroy(net);
}

void note_shape_set(engine_node_t *e, const tensor_t *in, int bound) {
  shape_sets_t **sets = bound < 0 ? &e->sets : &e->bounds[bound];
  if (!*sets) *sets = shape_sets_create(e->n_inputs);
  shape_sets_add_tensors(*sets, in, e->is_shape);
}

shape_t *partial_shapes(const engine_node_t *e) {
  const attr_value_t *a = node_shapes(e->node, "input_shapes");
  shape_t *partial = mem_calloc((size_t)e->n_inputs + 1, sizeof *partial);
  for (int i = 0; i < e->n_inputs; i++)
    partial[i] = a && (size_t)i < a->n_list ? a->list[i].shape : SHAPE_UNKNOWN;
  return partial;
}

static status_t from_sets(const engine_node_t *e, const shape_sets_t *sets,
                          profile_strategy_t strategy, profiles_t **out) {
  shape_t *partial = partial_shapes(e);
  status_t st = profiles_from_sets(sets, strategy, partial, out);
  mem_free(partial);
  return st;
}

// A loop in the model may reach the engine many times in a run, so least and greatest are taken
// over all that was seen.
status_t finish_bounds(engine_node_t *e) {
  if (!e->bounds[0] || !e->bounds[1] || !e->bounds[2]) return NULL;  // a run went around it
  shape_sets_t *all = shape_sets_create(e->n_inputs);
  for (int k = 0; k < 3; k++)
    for (size_t i = 0; i < e->bounds[k]->sets.n; i++) shape_sets_add(all, &e->bounds[k]->sets.v[i]);
  profiles_t *range = NULL;
  status_t st = from_sets(e, all, PROFILE_RANGE, &range);
  if (!st) {
    if (!e->profiles) e->profiles = profiles_create(e->n_inputs);
    st = profiles_add(e->profiles, &range->list.v[0].min, &e->bounds[1]->sets.v[0],
                      &range->list.v[0].max);
  }
  profiles_destroy(range);
  shape_sets_destroy(all);
  for (int k = 0; k < 3; k++) {
    shape_sets_destroy(e->bounds[k]);
    e->bounds[k] = NULL;
  }
  return status_prefix(st, "%s", e->node->name);
}

// Calibration notes no more than the shapes.
static void note_shapes_alone(engine_node_t *e, shape_t *shapes) {
  shape_values_t *none = mem_calloc((size_t)e->n_inputs + 1, sizeof *none);
  e->sets = shape_sets_create(e->n_inputs);
  shape_sets_add(e->sets, &(shape_set_t){shapes, none});
  mem_free(none);
}

status_t make_profiles(engine_node_t *e) {
  profile_strategy_t strategy;
  if (e->profiles) return NULL;  // they were given
  const char *told = node_string(e->node, "profile_strategy");
  if (!profile_strategy_parse(told, &strategy))
    return FAIL(INVALID_ARGUMENT, "Invalid profile strategy: %s", told);
  if (!e->sets) note_shapes_alone(e, e->wanted.v[0]);
  return from_sets(e, e->sets, strategy, &e->profiles);
}

void forget_shape_sets(engine_node_t *e) {
  shape_sets_destroy(e->sets);
  profiles_destroy(e->profiles);
  for (int k = 0; k < 3; k++) shape_sets_destroy(e->bounds[k]);
  e->sets = NULL;
  e->profiles = NULL;
  memset(e->bounds, 0, sizeof e->bounds);
}
