// Hashes whose results models depend on.
#ifndef TFTRT_KERNELS_HASH_H
#define TFTRT_KERNELS_HASH_H

#include <stddef.h>
#include <stdint.h>

// FarmHash's Fingerprint64 (google/farmhash, the "na" variant): StringToHashBucketFast.
uint64_t fingerprint64(const char *s, size_t n);
// MurmurHash64A with TensorFlow's seed 0xDECAFCAFFE: StringToHashBucket, hash tables of old models.
uint64_t murmur64(const char *s, size_t n);
// SipHash-2-4 (Aumasson and Bernstein): StringToHashBucketStrong.
uint64_t siphash24(const uint64_t key[2], const char *s, size_t n);

#endif
