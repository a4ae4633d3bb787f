// Optimization profiles that a user adds to a signature, as shapes; building with them.
#ifndef TFTRT_API_PROFILES_H
#define TFTRT_API_PROFILES_H

#include "api/api.h"
#include "base/mem.h"
#include "convert/converter.h"

typedef struct added_profile {
  const signature_t *signature;
  shape_t *shapes;  // the least, the best, the greatest: [3][n_inputs]
} added_profile_t;
typedef VEC(added_profile_t) added_profiles_t;

// Shapes of inputs that are not named are the signature's. INVALID_ARGUMENT names the input.
status_t added_profiles_add(added_profiles_t *p, const signature_t *s,
                            const tftrt_profile_input *inputs, int n);
bool added_profiles_of(const added_profiles_t *p, const signature_t *s);
// Runs the model with zeros of the shapes, three times for each profile, and builds.
status_t added_profiles_build(const added_profiles_t *p, const signature_t *s, converter_t *c);
void added_profiles_free(added_profiles_t *p);

#endif
