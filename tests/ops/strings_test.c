// Strings one by one: hashes, lengths, case, parts, joins. Expected values are TensorFlow 2.21's.
#include "ops/op_case.h"

// Long texts go over lines, as clang-format has it.
// NOLINTBEGIN(bugprone-suspicious-missing-comma)

static void hashes(void **state) {
  (void)state;
  op_case_t c;
  c = op_case("StringToHashBucketFast");
  CASE_IN_STRINGS(
      &c, SHAPE(28), "", "!", "!(", "!(/", "!(/6", "!(/6=", "!(/6=DK", "!(/6=DKR", "!(/6=DKRY",
      "!(/6=DKRY`gn", "!(/6=DKRY`gnu\")", "!(/6=DKRY`gnu\")0", "!(/6=DKRY`gnu\")07",
      "!(/6=DKRY`gnu\")07>EL", "!(/6=DKRY`gnu\")07>ELSZah", "!(/6=DKRY`gnu\")07>ELSZahov#*18?",
      "!(/6=DKRY`gnu\")07>ELSZahov#*18?F", "!(/6=DKRY`gnu\")07>ELSZahov#*18?FM",
      "!(/6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$",
      "!(/6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU",
      "!(/6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU\\cjqx%,3:AHOV]dk",
      "!(/6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU\\cjqx%,3:AHOV]dkr",
      "!(/6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU\\cjqx%,3:AHOV]dkry",
      "!(/"
      "6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU\\cjqx%,3:AHOV]dkry&-4;BIPW^elsz'.5<CJQX_fmt!(/"
      "6=DKRY`",
      "!(/"
      "6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU\\cjqx%,3:AHOV]dkry&-4;BIPW^elsz'.5<CJQX_fmt!(/"
      "6=DKRY`gnu\")07>ELSZahov#*18?FMT[bi",
      "!(/"
      "6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU\\cjqx%,3:AHOV]dkry&-4;BIPW^elsz'.5<CJQX_fmt!(/"
      "6=DKRY`gnu\")07>ELSZahov#*18?FMT[bip",
      "!(/"
      "6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU\\cjqx%,3:AHOV]dkry&-4;BIPW^elsz'.5<CJQX_fmt!(/"
      "6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw",
      "!(/"
      "6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU\\cjqx%,3:AHOV]dkry&-4;BIPW^elsz'.5<CJQX_fmt!(/"
      "6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU\\cjqx%,3:AHOV]dkry&-4;BIPW^elsz'.5<CJQX_fmt!(/"
      "6=DKRY`gnu\")07>EL");
  node_set_int(c.g, c.node, "num_buckets", 9007199254740881);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT64, SHAPE(28), 0, 398277410445704, 8866397862135301, 6220957248146186,
           7787151060889521, 6120273142585249, 5364563070579584, 4405195131054380, 2425768952157886,
           8783961255365354, 5594383897643908, 8159348385080219, 6533330188926918, 4115347122419101,
           751186914625279, 1538152324349387, 4733142114435508, 3689753963998949, 2658362241543000,
           7664684523475856, 7750176834182083, 47979211583985, 8291782680894542, 4447367389660169,
           7228419171431623, 751365335945577, 3787975096012674, 3550940827772598, 167629960356426);
  op_case_end(&c);
  c = op_case("StringToHashBucket");
  CASE_IN_STRINGS(
      &c, SHAPE(28), "", "!", "!(", "!(/", "!(/6", "!(/6=", "!(/6=DK", "!(/6=DKR", "!(/6=DKRY",
      "!(/6=DKRY`gn", "!(/6=DKRY`gnu\")", "!(/6=DKRY`gnu\")0", "!(/6=DKRY`gnu\")07",
      "!(/6=DKRY`gnu\")07>EL", "!(/6=DKRY`gnu\")07>ELSZah", "!(/6=DKRY`gnu\")07>ELSZahov#*18?",
      "!(/6=DKRY`gnu\")07>ELSZahov#*18?F", "!(/6=DKRY`gnu\")07>ELSZahov#*18?FM",
      "!(/6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$",
      "!(/6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU",
      "!(/6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU\\cjqx%,3:AHOV]dk",
      "!(/6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU\\cjqx%,3:AHOV]dkr",
      "!(/6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU\\cjqx%,3:AHOV]dkry",
      "!(/"
      "6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU\\cjqx%,3:AHOV]dkry&-4;BIPW^elsz'.5<CJQX_fmt!(/"
      "6=DKRY`",
      "!(/"
      "6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU\\cjqx%,3:AHOV]dkry&-4;BIPW^elsz'.5<CJQX_fmt!(/"
      "6=DKRY`gnu\")07>ELSZahov#*18?FMT[bi",
      "!(/"
      "6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU\\cjqx%,3:AHOV]dkry&-4;BIPW^elsz'.5<CJQX_fmt!(/"
      "6=DKRY`gnu\")07>ELSZahov#*18?FMT[bip",
      "!(/"
      "6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU\\cjqx%,3:AHOV]dkry&-4;BIPW^elsz'.5<CJQX_fmt!(/"
      "6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw",
      "!(/"
      "6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU\\cjqx%,3:AHOV]dkry&-4;BIPW^elsz'.5<CJQX_fmt!(/"
      "6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU\\cjqx%,3:AHOV]dkry&-4;BIPW^elsz'.5<CJQX_fmt!(/"
      "6=DKRY`gnu\")07>EL");
  node_set_int(c.g, c.node, "num_buckets", 9007199254740881);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT64, SHAPE(28), 0, 6355319372472064, 8995128928520085, 4619187491938270,
           6495080136368863, 5262462194513174, 5154367307338441, 1888494844826172, 7482769039242840,
           7869902990585671, 1060187638462333, 1948366822162814, 1790726022719548, 7375026776484687,
           3731632667202715, 3408998536429213, 7543453663647202, 8599074726738092, 8526640108067023,
           1143750303010545, 7342568940865513, 686865419541928, 6355127205138283, 2187811418364618,
           5753391612680036, 3863837685166694, 5586625718713941, 550023620712640, 7132259546516510);
  op_case_end(&c);
  c = op_case("StringToHashBucketStrong");
  CASE_IN_STRINGS(
      &c, SHAPE(28), "", "!", "!(", "!(/", "!(/6", "!(/6=", "!(/6=DK", "!(/6=DKR", "!(/6=DKRY",
      "!(/6=DKRY`gn", "!(/6=DKRY`gnu\")", "!(/6=DKRY`gnu\")0", "!(/6=DKRY`gnu\")07",
      "!(/6=DKRY`gnu\")07>EL", "!(/6=DKRY`gnu\")07>ELSZah", "!(/6=DKRY`gnu\")07>ELSZahov#*18?",
      "!(/6=DKRY`gnu\")07>ELSZahov#*18?F", "!(/6=DKRY`gnu\")07>ELSZahov#*18?FM",
      "!(/6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$",
      "!(/6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU",
      "!(/6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU\\cjqx%,3:AHOV]dk",
      "!(/6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU\\cjqx%,3:AHOV]dkr",
      "!(/6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU\\cjqx%,3:AHOV]dkry",
      "!(/"
      "6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU\\cjqx%,3:AHOV]dkry&-4;BIPW^elsz'.5<CJQX_fmt!(/"
      "6=DKRY`",
      "!(/"
      "6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU\\cjqx%,3:AHOV]dkry&-4;BIPW^elsz'.5<CJQX_fmt!(/"
      "6=DKRY`gnu\")07>ELSZahov#*18?FMT[bi",
      "!(/"
      "6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU\\cjqx%,3:AHOV]dkry&-4;BIPW^elsz'.5<CJQX_fmt!(/"
      "6=DKRY`gnu\")07>ELSZahov#*18?FMT[bip",
      "!(/"
      "6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU\\cjqx%,3:AHOV]dkry&-4;BIPW^elsz'.5<CJQX_fmt!(/"
      "6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw",
      "!(/"
      "6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU\\cjqx%,3:AHOV]dkry&-4;BIPW^elsz'.5<CJQX_fmt!(/"
      "6=DKRY`gnu\")07>ELSZahov#*18?FMT[bipw$+29@GNU\\cjqx%,3:AHOV]dkry&-4;BIPW^elsz'.5<CJQX_fmt!(/"
      "6=DKRY`gnu\")07>EL");
  node_set_int(c.g, c.node, "num_buckets", 9007199254740881);
  node_set_ints(c.g, c.node, "key", (const int64_t[]){123, -45}, 2);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT64, SHAPE(28), 0, 8700735042066292, 4299368670431042, 953412896185169,
           800600957431548, 6517862752384406, 438990299296410, 1357759668960010, 8857846036772610,
           1164106395459801, 4055352943180204, 6393392940963426, 32755543380041, 318054363414937,
           2705562058669734, 1295277694728603, 7814557514256892, 3847604215253783, 7072392563782339,
           7475480748386800, 5622884762519845, 6571214771702212, 6405607532935767, 1448855352268592,
           5943346952341954, 8094635612532103, 6289810825517947, 7608464691457984,
           3234441290652041);
  op_case_end(&c);
  c = op_case("StringToHashBucketFast");
  CASE_IN_STRINGS(&c, SHAPE(2, 1), "\303\251t\303\251", "x");
  node_set_int(c.g, c.node, "num_buckets", 7);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT64, SHAPE(2, 1), 0, 2, 1);
  op_case_end(&c);
}

static void lengths_and_case(void **state) {
  (void)state;
  op_case_t c;
  c = op_case("StringLength");
  CASE_IN_STRINGS(&c, SHAPE(3), "", "abc", "h\303\251\344\270\226");
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT32, SHAPE(3), 0, 0, 3, 6);
  op_case_end(&c);
  c = op_case("StringLength");
  CASE_IN_STRINGS(&c, SHAPE(3), "", "abc", "h\303\251\344\270\226");
  node_set_string(c.g, c.node, "unit", "UTF8_CHAR", 9);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT32, SHAPE(3), 0, 0, 3, 3);
  op_case_end(&c);
  c = op_case("StringLower");
  CASE_IN_STRINGS(&c, SHAPE(1), "AbC1\303\211");
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(1), "abc1\303\211");
  op_case_end(&c);
  c = op_case("StringUpper");
  CASE_IN_STRINGS(&c, SHAPE(1), "abZ[z");
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(1), "ABZ[Z");
  op_case_end(&c);
  c = op_case("StringLower");
  CASE_IN_STRINGS(&c, SHAPE(1), "ABC");
  node_set_string(c.g, c.node, "encoding", "utf-8", 5);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(1), "abc");
  op_case_end(&c);
  c = op_case("StringStrip");
  CASE_IN_STRINGS(&c, SHAPE(3), "  a b\\t\\n", "", " \011 ");
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(3), "a b\\t\\n", "", "");
  op_case_end(&c);
}

static void parts(void **state) {
  (void)state;
  op_case_t c;
  c = op_case("Substr");
  CASE_IN_STRINGS(&c, SHAPE(2), "hello", "world");
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 1);
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 3);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(2), "ell", "orl");
  op_case_end(&c);
  c = op_case("Substr");
  CASE_IN_STRINGS(&c, SHAPE(2), "hello", "wor");
  CASE_IN(&c, DT_INT32, SHAPE(2), -2, 0);
  CASE_IN(&c, DT_INT32, SHAPE(2), 9, 1);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(2), "lo", "w");
  op_case_end(&c);
  c = op_case("Substr");
  CASE_IN_STRINGS(&c, SHAPE(3, 1), "ab", "cd", "ef");
  CASE_IN(&c, DT_INT64, SHAPE(2), 0, 1);
  CASE_IN(&c, DT_INT64, SHAPE(2), 1, 1);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(3, 2), "a", "b", "c", "d", "e", "f");
  op_case_end(&c);
  c = op_case("Substr");
  CASE_IN_STRINGS(&c, SHAPE_SCALAR, "h\303\251\344\270\226x");
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 1);
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 2);
  node_set_string(c.g, c.node, "unit", "UTF8_CHAR", 9);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE_SCALAR, "\303\251\344\270\226");
  op_case_end(&c);
  c = op_case("Substr");
  CASE_IN_STRINGS(&c, SHAPE_SCALAR, "h\303\251\344\270\226x");
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, -2);
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 1);
  node_set_string(c.g, c.node, "unit", "UTF8_CHAR", 9);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE_SCALAR, "\344\270\226");
  op_case_end(&c);
  c = op_case("Substr");
  CASE_IN_STRINGS(&c, SHAPE(1), "abc");
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 4);
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 1);
  CASE_FAILS(&c, INVALID_ARGUMENT, "pos 4 out of range");
  op_case_end(&c);
}

static void joins(void **state) {
  (void)state;
  op_case_t c;
  c = op_case("StringJoin");
  CASE_IN_STRINGS(&c, SHAPE(2), "a", "b");
  CASE_IN_STRINGS(&c, SHAPE_SCALAR, "-");
  CASE_IN_STRINGS(&c, SHAPE(2), "c", "d");
  node_set_string(c.g, c.node, "separator", "+", 1);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(2), "a+-+c", "b+-+d");
  op_case_end(&c);
  c = op_case("StringJoin");
  CASE_IN_STRINGS(&c, SHAPE_SCALAR, "x");
  CASE_IN_STRINGS(&c, SHAPE_SCALAR, "y");
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE_SCALAR, "xy");
  op_case_end(&c);
  c = op_case("StringJoin");
  CASE_IN_STRINGS(&c, SHAPE(2), "a", "b");
  CASE_IN_STRINGS(&c, SHAPE(1), "c");
  CASE_FAILS(&c, INVALID_ARGUMENT, "do not match");
  op_case_end(&c);
  c = op_case("ReduceJoin");
  CASE_IN_STRINGS(&c, SHAPE(2, 2), "a", "b", "c", "d");
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 0);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(2), "ac", "bd");
  op_case_end(&c);
  c = op_case("ReduceJoin");
  CASE_IN_STRINGS(&c, SHAPE(2, 2), "a", "b", "c", "d");
  CASE_IN(&c, DT_INT32, SHAPE(2), 0, 1);
  node_set_string(c.g, c.node, "separator", ".", 1);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE_SCALAR, "a.c.b.d");
  op_case_end(&c);
  c = op_case("ReduceJoin");
  CASE_IN_STRINGS(&c, SHAPE(2, 2), "a", "b", "c", "d");
  CASE_IN(&c, DT_INT32, SHAPE(2), 1, 0);
  node_set_string(c.g, c.node, "separator", ".", 1);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE_SCALAR, "a.b.c.d");
  op_case_end(&c);
  c = op_case("ReduceJoin");
  CASE_IN_STRINGS(&c, SHAPE(2, 2), "a", "b", "c", "d");
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, -1);
  node_set_bool(c.g, c.node, "keep_dims", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(2, 1), "ab", "cd");
  op_case_end(&c);
  c = op_case("ReduceJoin");
  CASE_IN_STRINGS(&c, SHAPE(2), "a", "b");
  CASE_IN_EMPTY(&c, DT_INT32, SHAPE(0));
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(2), "a", "b");
  op_case_end(&c);
  c = op_case("ReduceJoin");
  CASE_IN_STRINGS(&c, SHAPE(2), "a", "b");
  CASE_IN(&c, DT_INT32, SHAPE(1), 1);
  CASE_FAILS(&c, INVALID_ARGUMENT, "axis 1 is out of range");
  op_case_end(&c);
  c = op_case("UnsortedSegmentJoin");
  CASE_IN_STRINGS(&c, SHAPE(4), "a", "b", "c", "d");
  CASE_IN(&c, DT_INT32, SHAPE(4), 1, 0, 1, 2);
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 4);
  node_set_string(c.g, c.node, "separator", ":", 1);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(4), "b", "a:c", "d", "");
  op_case_end(&c);
  c = op_case("UnsortedSegmentJoin");
  CASE_IN_STRINGS(&c, SHAPE(1), "a");
  CASE_IN(&c, DT_INT32, SHAPE(1), -1);
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 4);
  CASE_FAILS(&c, INVALID_ARGUMENT, "segment id -1");
  op_case_end(&c);
  c = op_case("UnsortedSegmentJoin");
  CASE_IN_STRINGS(&c, SHAPE(2, 2), "a", "b", "c", "d");
  CASE_IN(&c, DT_INT64, SHAPE(2), 0, 0);
  CASE_IN(&c, DT_INT32, SHAPE_SCALAR, 1);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(1, 2), "ac", "bd");
  op_case_end(&c);
}

static void base64_and_raw(void **state) {
  (void)state;
  op_case_t c;
  c = op_case("EncodeBase64");
  CASE_IN_STRINGS(&c, SHAPE(5), "", "a", "ab", "abc", "\303\277\303\276~?>");
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(5), "", "YQ", "YWI", "YWJj", "w7_Dvn4_Pg");
  op_case_end(&c);
  c = op_case("EncodeBase64");
  CASE_IN_STRINGS(&c, SHAPE(4), "", "a", "ab", "abc");
  node_set_bool(c.g, c.node, "pad", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(4), "", "YQ==", "YWI=", "YWJj");
  op_case_end(&c);
  c = op_case("DecodeBase64");
  CASE_IN_STRINGS(&c, SHAPE(5), "", "YQ", "YWI=", "YWJj", "YQ==");
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(5), "", "a", "ab", "abc", "a");
  op_case_end(&c);
  c = op_case("DecodeBase64");
  CASE_IN_STRINGS(&c, SHAPE(1), "Y!");
  CASE_FAILS(&c, INVALID_ARGUMENT, "invalid character");
  op_case_end(&c);
  c = op_case("DecodeRaw");
  CASE_IN_STRINGS(&c, SHAPE(2), "\001\002\003\004", "abcd");
  node_set_type(c.g, c.node, "out_type", DT_INT16);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_INT16, SHAPE(2, 2), 0, 513, 1027, 25185, 25699);
  op_case_end(&c);
  c = op_case("DecodeRaw");
  CASE_IN_STRINGS(&c, SHAPE(1), "abc");
  node_set_type(c.g, c.node, "out_type", DT_UINT8);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_UINT8, SHAPE(1, 3), 0, 97, 98, 99);
  op_case_end(&c);
  c = op_case("DecodeRaw");
  CASE_IN_STRINGS(&c, SHAPE(1), "@I\017\333");
  node_set_type(c.g, c.node, "out_type", DT_FLOAT);
  node_set_bool(c.g, c.node, "little_endian", false);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_FLOAT, SHAPE(1, 1), 0, 3.1415927f);
  op_case_end(&c);
  c = op_case("DecodeRaw");
  CASE_IN_STRINGS(&c, SHAPE(1), "abc");
  node_set_type(c.g, c.node, "out_type", DT_INT16);
  CASE_FAILS(&c, INVALID_ARGUMENT, "not a multiple of 2");
  op_case_end(&c);
  c = op_case("DecodeRaw");
  CASE_IN_STRINGS(&c, SHAPE(2), "abc", "a");
  node_set_type(c.g, c.node, "out_type", DT_UINT8);
  CASE_FAILS(&c, INVALID_ARGUMENT, "same size");
  op_case_end(&c);
}

// NOLINTEND(bugprone-suspicious-missing-comma)

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(hashes), cmocka_unit_test(lengths_and_case), cmocka_unit_test(parts),
      cmocka_unit_test(joins),  cmocka_unit_test(base64_and_raw),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
