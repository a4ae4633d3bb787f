#if defined(__AVX512F__)
#define V_WIDTH 16
#include "kernels/depthwise_vectors.h"
#define DEPTHWISE_ROWS depthwise_half_avx512
#define DW_JOB depthwise_half_job_t
#define DW_EPILOGUE half_epilogue_t
#define DW_X uint16_t
#define HALVES(p, m, full) \
  ((full) ? _mm256_loadu_si256((const __m256i *)(p)) : _mm256_maskz_loadu_epi16(m, p))
#define DW_LOAD(p, m, full) _mm512_cvtph_ps(HALVES(p, m, full))
#define DW_STORE(p, m, full, v) \
  _mm256_mask_storeu_epi16(p, m, _mm512_cvtps_ph(v, _MM_FROUND_NO_EXC))
#include "kernels/depthwise_inner.h"
#endif
