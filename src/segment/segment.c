#include "segment/segment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/passes.h"
#include "segment/candidates.h"

typedef struct group {
  int root;
  const char *root_name;
  VEC(int) nodes;  // ids, ascending until sorted topologically
  int size;        // TF-TRT's effective size
} group_t;

typedef VEC(group_t) groups_t;

typedef struct pass {
  const graph_t *g;
  const segment_options_t *o;
  candidates_t c;
  readers_t readers;
  int *position;   // in topological order
  node_t **added;  // in the order in which TensorFlow adds nodes; NULL where that is of no matter
  int *member;     // [n_nodes] root of the group that the node is in, -1 for none
} pass_t;

static bool is_const(const node_t *n) { return strcmp(n->op, "Const") == 0; }

static bool counts_for_size(const node_t *n) {
  return strcmp(n->op, "Identity") != 0 && strcmp(n->op, "Snapshot") != 0 &&
         strcmp(n->op, "StopGradient") != 0;
}

static int by_root_name(const void *a, const void *b) {
  return strcmp(((const group_t *)a)->root_name, ((const group_t *)b)->root_name);
}

static bool returned(const graph_t *g, const node_t *n) {
  for (int i = 0; i < g->n_rets; i++)
    if (g->rets[i].src == n) return true;
  return false;
}

// A Const that is read outside its group stays outside (engines get a copy), and so do its
// predecessors inside the group.
static void trim_shared_consts(pass_t *p, group_t *group) {
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 0; i < group->nodes.n; i++) {
      int id = group->nodes.v[i];
      const node_t *n = p->g->nodes[id];
      if (p->member[id] < 0 || !is_const(n)) continue;
      bool outside = returned(p->g, n);
      for (int r = p->readers.begin[id]; r < p->readers.begin[id + 1] && !outside; r++) {
        const reader_t *reader = &p->readers.list[r];
        outside = reader->input >= 0 && p->member[reader->node->id] != group->root;
      }
      if (outside) {
        p->member[id] = -1;
        changed = true;
      }
    }
  }
  size_t kept = 0;
  for (size_t i = 0; i < group->nodes.n; i++)
    if (p->member[group->nodes.v[i]] == group->root) group->nodes.v[kept++] = group->nodes.v[i];
  group->nodes.n = kept;
}

static groups_t make_groups(pass_t *p) {
  partition_input_t in = {.graph = p->g,
                          .order = p->added,
                          .candidate = p->c.ok,
                          .batch = p->c.batch,
                          .wait_for_loop_variables = p->o->op_set == OP_SET_TF_TRT};
  partition_graph(&in, p->member);
  groups_t groups = {0};
  int *where = mem_alloc(((size_t)p->g->n_nodes + 1) * sizeof *where);
  for (int i = 0; i < p->g->n_nodes; i++) where[i] = -1;
  for (int i = 0; i < p->g->n_nodes; i++) {
    int root = p->member[i];
    if (root < 0) continue;
    if (where[root] < 0) {
      where[root] = (int)groups.n;
      group_t fresh = {.root = root, .root_name = p->g->nodes[root]->name};
      vec_push(&groups, fresh);
    }
    vec_push(&groups.v[where[root]].nodes, i);
  }
  mem_free(where);
  if (groups.n) qsort(groups.v, groups.n, sizeof *groups.v, by_root_name);
  for (size_t i = 0; i < groups.n; i++) {
    group_t *group = &groups.v[i];
    trim_shared_consts(p, group);
    for (size_t k = 0; k < group->nodes.n; k++)
      group->size += counts_for_size(p->g->nodes[group->nodes.v[k]]);
  }
  return groups;
}

static void free_groups(groups_t *groups) {
  for (size_t i = 0; i < groups->n; i++) vec_free(&groups->v[i].nodes);
  vec_free(groups);
}

// Nodes that would pass a dtype through a TRTEngineOp that its OpDef does not have. Returns how
// many were refused. Only groups that will become engines matter.
static int refuse_boundary_dtypes(pass_t *p, arena_t *arena, const groups_t *groups) {
  int refused = 0;
  for (size_t i = 0; i < groups->n; i++) {
    const group_t *group = &groups->v[i];
    if (group->size < p->o->minimum_segment_size) continue;
    for (size_t k = 0; k < group->nodes.n; k++) {
      int id = group->nodes.v[k];
      const node_t *n = p->g->nodes[id];
      dtype_t bad = DT_INVALID;
      const char *side = "reads";
      for (int j = 0; j < n->n_in && !bad; j++) {
        const node_t *src = n->in[j].src;
        if (p->member[src->id] == group->root || is_const(src)) continue;
        dtype_t t = n->in[j].port < src->n_out ? src->out_dtype[n->in[j].port] : DT_INVALID;
        if (!engine_io_dtype(t)) bad = t ? t : DT_STRING;
      }
      for (int r = p->readers.begin[id]; r < p->readers.begin[id + 1] && !bad; r++) {
        const reader_t *reader = &p->readers.list[r];
        if (reader->input < 0 || p->member[reader->node->id] == group->root || is_const(n))
          continue;
        dtype_t t = n->out_dtype[reader->node->in[reader->input].port];
        if (!engine_io_dtype(t)) bad = t, side = "gives";
      }
      for (int r = 0; r < p->g->n_rets && !bad; r++) {
        if (p->g->rets[r].src != n || is_const(n)) continue;
        dtype_t t = n->out_dtype[p->g->rets[r].port];
        if (!engine_io_dtype(t)) bad = t, side = "gives";
      }
      if (!bad) continue;
      p->c.ok[id] = false;
      p->c.code[id] = "boundary-dtype";
      p->c.reason[id] =
          arena_printf(arena, "it %s a %s tensor %s a native node, which a TRTEngineOp cannot pass",
                       side, dtype_tf_name(bad), *side == 'r' ? "from" : "to");
      refused++;
    }
  }
  return refused;
}

// Keeps the largest groups when there are more engines than allowed; ties go to the earlier one.
static void keep_largest(groups_t *kept, int max) {
  while (max > 0 && (int)kept->n > max) {
    size_t worst = 0;
    for (size_t i = 1; i < kept->n; i++)
      if (kept->v[i].size <= kept->v[worst].size) worst = i;
    vec_free(&kept->v[worst].nodes);
    memmove(&kept->v[worst], &kept->v[worst + 1], (kept->n - worst - 1) * sizeof *kept->v);
    kept->n--;
  }
}

typedef struct placed {
  int position, id;
} placed_t;

static int by_position(const void *a, const void *b) {
  return ((const placed_t *)a)->position - ((const placed_t *)b)->position;
}

static void finish(pass_t *p, groups_t *groups, segmentation_t *s) {
  const graph_t *g = p->g;
  groups_t kept = {0};
  for (size_t i = 0; i < groups->n; i++) {
    group_t *group = &groups->v[i];
    bool enough = group->size > 0 && p->o->minimum_segment_size >= 0 &&
                  group->size >= p->o->minimum_segment_size;
    if (!enough) continue;
    vec_push(&kept, *group);
    group->nodes.v = NULL;
    group->nodes.n = group->nodes.cap = 0;
  }
  size_t before = kept.n;
  keep_largest(&kept, p->o->max_engines);
  bool cut = kept.n < before;

  int *segment_of = mem_alloc(((size_t)g->n_nodes + 1) * sizeof *segment_of);
  for (int i = 0; i < g->n_nodes; i++) segment_of[i] = -1;
  s->segments = arena_alloc(s->arena, (kept.n + 1) * sizeof *s->segments);
  s->n_segments = (int)kept.n;
  for (size_t i = 0; i < kept.n; i++) {
    const group_t *group = &kept.v[i];
    placed_t *placed = mem_alloc((group->nodes.n + 1) * sizeof *placed);
    for (size_t k = 0; k < group->nodes.n; k++)
      placed[k] = (placed_t){p->position[group->nodes.v[k]], group->nodes.v[k]};
    qsort(placed, group->nodes.n, sizeof *placed, by_position);
    segment_t *segment = &s->segments[i];
    segment->nodes = arena_alloc(s->arena, (group->nodes.n + 1) * sizeof *segment->nodes);
    segment->n_nodes = (int)group->nodes.n;
    segment->max_batch = -1;
    for (size_t k = 0; k < group->nodes.n; k++) {
      segment->nodes[k] = g->nodes[placed[k].id];
      segment_of[placed[k].id] = (int)i;
      if (p->c.batch && p->c.batch[placed[k].id].has_max_batch)
        segment->max_batch = p->c.batch[placed[k].id].max_batch;
    }
    mem_free(placed);
  }
  s->refusals = arena_alloc(s->arena, ((size_t)g->n_nodes + 1) * sizeof *s->refusals);
  for (int i = 0; i < g->n_nodes; i++) {
    const node_t *n = g->nodes[i];
    if (n->dead || segment_of[i] >= 0) continue;
    refusal_t r = {.node = n, .code = p->c.code[i], .reason = p->c.reason[i]};
    if (!r.code && is_const(n)) {
      r.code = "shared-const";
      r.reason = "a constant that nodes outside engines read too; engines hold a copy";
    } else if (!r.code) {
      r.code = cut ? "max-engines" : "too-small";
      r.reason = cut ? "its segment is not among the TF_TRT_MAX_ALLOWED_ENGINES largest"
                     : arena_printf(s->arena, "its segment has fewer than %d nodes",
                                    p->o->minimum_segment_size);
    }
    s->refusals[s->n_refusals++] = r;
  }
  mem_free(segment_of);
  free_groups(&kept);
}

status_t segment_graph(const graph_t *g, const segment_options_t *o, segmentation_t **out) {
  *out = NULL;
  node_t **order = NULL;
  TRY(graph_topological_order(g, &order));
  segmentation_t *s = mem_calloc(1, sizeof *s);
  s->arena = arena_create();
  pass_t p = {.g = g, .o = o, .readers = graph_readers(g)};
  p.position = mem_calloc((size_t)g->n_nodes + 1, sizeof *p.position);
  p.member = mem_calloc((size_t)g->n_nodes + 1, sizeof *p.member);
  for (int i = 0; i < g->n_nodes; i++)
    if (order[i]) p.position[order[i]->id] = i;
  if (o->op_set == OP_SET_TF_TRT) p.added = graph_import_order((graph_t *)(uintptr_t)g);
  find_candidates(g, o, s->arena, &p.c);
  groups_t groups = make_groups(&p);
  if (o->op_set == OP_SET_ALL) {  // refusing a node may change the groups, so until nothing changes
    while (refuse_boundary_dtypes(&p, s->arena, &groups)) {
      free_groups(&groups);
      groups = make_groups(&p);
    }
  }
  finish(&p, &groups, s);
  free_groups(&groups);
  readers_free(&p.readers);
  mem_free(p.position);
  mem_free(p.member);
  mem_free(p.added);
  mem_free(order);
  *out = s;
  return NULL;
}

void segmentation_destroy(segmentation_t *s) {
  if (!s) return;
  arena_destroy(s->arena);
  mem_free(s);
}
