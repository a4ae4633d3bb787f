/* The engines of this process, shared by all kernels (sessions, functions, threads) of the same
 * node.
 *
 * TensorFlow knows an engine by the name of its node, which every converted model has; the
 * attribute _tftrt_id that tftrt writes tells them apart. Models of TF-TRT have none: there, nodes
 * with equal native segments share an engine, others do not. Precision and INT8 ranges tell nodes
 * apart too; an engine that was calibrated here is also that of nodes with its ranges.
 *
 * All functions may be called from any thread.
 */
#ifndef TFTRT_TENSORFLOW_ENGINES_H
#define TFTRT_TENSORFLOW_ENGINES_H

#include "message.h"
#include "tftrt/engine_op.h"

/* The key of a node's or resource's engine: "tftrt:" and _tftrt_id, else the part of the name after
 * the last '/'. free() it. */
char *engine_key(bytes_view_t node_def, bytes_view_t name);

/* InitializeTRTResource: the engines of `key` are in this file, in assets/ of its SavedModel. The
 * last call counts, for engines that are made afterwards. Keys that are names, of which several
 * models announce a file, have none: whose would it be? */
void engine_announce(const char *key, const char *file, size_t file_size);

typedef struct engine engine_t;
/* A reference to the engine of a node, made by the first who asks; others wait meanwhile. library:
 * the serialised FunctionDefLibrary. */
tftrt_code engine_take(bytes_view_t node_def, bytes_view_t library, engine_t **out,
                       tftrt_error *err);
/* A reference to an engine that has run here, and has not been deleted since, by its node's name
 * after the last '/'; *n: how many have it. NULL: none. */
engine_t *engine_named(const char *name, int *n);
/* The INT8 ranges of the engine of this name: what runs have collected, which ends that, else its
 * node's calibration_data, else what an engine collected that is gone with its last kernel (scripts
 * ask when their session is closed). NOT_FOUND: none has run. FAILED_PRECONDITION: several are
 * being calibrated. UNKNOWN: there are no ranges. free() *table. */
tftrt_code engine_calibration(const char *name, char **table, tftrt_error *err);
tftrt_engine_op *engine_op(const engine_t *e);
void engine_runs(engine_t *e);   /* before each of its runs */
void engine_delete(engine_t *e); /* what it holds: the next run begins anew */
void engine_give(engine_t *e);   /* the last one destroys it; NULL is fine */

#endif
