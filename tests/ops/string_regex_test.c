// Regular expressions. Expected values are TensorFlow 2.21's.
#include "ops/op_case.h"

static void replacements(void **state) {
  (void)state;
  op_case_t c;
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "a", 1);
  node_set_string(c.g, c.node, "rewrite", "X", 1);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "Xbc", "XXX bbb", "Hello, World! 42", "x1y22z333",
                   "foo@bXr.com", "h\303\251llo w\303\266rld", "X\nb\nc", "((x))",
                   "XbXbXbXbXbXbXbXbXbXbXbXbXbXbXbXbXbXbXbXb");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "a*", 2);
  node_set_string(c.g, c.node, "rewrite", "-", 1);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "-", "-b-c-", "- -b-b-b-", "-H-e-l-l-o-,- -W-o-r-l-d-!- -4-2-",
                   "-x-1-y-2-2-z-3-3-3-", "-f-o-o-@-b-r-.-c-o-m-",
                   "-h-\303\251-l-l-o- -w-\303\266-r-l-d-", "-\n-b-\n-c-", "-(-(-x-)-)-",
                   "-b-b-b-b-b-b-b-b-b-b-b-b-b-b-b-b-b-b-b-b-");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "a*?", 3);
  node_set_string(c.g, c.node, "rewrite", "-", 1);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(
      &c, 0, SHAPE(10), "-", "-a-b-c-", "-a-a-a- -b-b-b-", "-H-e-l-l-o-,- -W-o-r-l-d-!- -4-2-",
      "-x-1-y-2-2-z-3-3-3-", "-f-o-o-@-b-a-r-.-c-o-m-", "-h-\303\251-l-l-o- -w-\303\266-r-l-d-",
      "-a-\n-b-\n-c-", "-(-(-x-)-)-",
      "-a-b-a-b-a-b-a-b-a-b-a-b-a-b-a-b-a-b-a-b-a-b-a-b-a-b-a-b-a-b-a-b-a-b-a-b-a-b-a-b-");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "", 0);
  node_set_string(c.g, c.node, "rewrite", ".", 1);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(
      &c, 0, SHAPE(10), ".", ".a.b.c.", ".a.a.a. .b.b.b.", ".H.e.l.l.o.,. .W.o.r.l.d.!. .4.2.",
      ".x.1.y.2.2.z.3.3.3.", ".f.o.o.@.b.a.r...c.o.m.", ".h.\303\251.l.l.o. .w.\303\266.r.l.d.",
      ".a.\n.b.\n.c.", ".(.(.x.).).",
      ".a.b.a.b.a.b.a.b.a.b.a.b.a.b.a.b.a.b.a.b.a.b.a.b.a.b.a.b.a.b.a.b.a.b.a.b.a.b.a.b.");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "[aeiou]+", 8);
  node_set_string(c.g, c.node, "rewrite", "<\\0>", 4);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(
      &c, 0, SHAPE(10), "", "<a>bc", "<aaa> bbb", "H<e>ll<o>, W<o>rld! 42", "x1y22z333",
      "f<oo>@b<a>r.c<o>m", "h\303\251ll<o> w\303\266rld", "<a>\nb\nc", "((x))",
      "<a>b<a>b<a>b<a>b<a>b<a>b<a>b<a>b<a>b<a>b<a>b<a>b<a>b<a>b<a>b<a>b<a>b<a>b<a>b<a>b");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "[!\"#$%&()\\*\\+,-\\./:;<=>?@\\[\\\\\\]^_`{|}~\\']", 41);
  node_set_string(c.g, c.node, "rewrite", "", 0);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "abc", "aaa bbb", "Hello World 42", "x1y22z333",
                   "foobarcom", "h\303\251llo w\303\266rld", "a\nb\nc", "x",
                   "abababababababababababababababababababab");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "(\\w+)@(\\w+)\\.com", 16);
  node_set_string(c.g, c.node, "rewrite", "\\2 at \\1", 8);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                   "bar at foo", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                   "abababababababababababababababababababab");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "\\d{2,}", 6);
  node_set_string(c.g, c.node, "rewrite", "#", 1);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! #", "x1y#z#",
                   "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                   "abababababababababababababababababababab");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "\\d{2}", 5);
  node_set_string(c.g, c.node, "rewrite", "#", 1);
  node_set_bool(c.g, c.node, "replace_global", false);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! #", "x1y#z333",
                   "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                   "abababababababababababababababababababab");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "\\s+", 3);
  node_set_string(c.g, c.node, "rewrite", " ", 1);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                   "foo@bar.com", "h\303\251llo w\303\266rld", "a b c", "((x))",
                   "abababababababababababababababababababab");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "^.", 2);
  node_set_string(c.g, c.node, "rewrite", "^", 1);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "^bc", "^aa bbb", "^ello, World! 42", "^1y22z333",
                   "^oo@bar.com", "^\303\251llo w\303\266rld", "^\nb\nc", "^(x))",
                   "^bababababababababababababababababababab");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "(?m)^.", 6);
  node_set_string(c.g, c.node, "rewrite", "^", 1);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "^bc", "^aa bbb", "^ello, World! 42", "^1y22z333",
                   "^oo@bar.com", "^\303\251llo w\303\266rld", "^\n^\n^", "^(x))",
                   "^bababababababababababababababababababab");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", ".$", 2);
  node_set_string(c.g, c.node, "rewrite", "$", 1);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "ab$", "aaa bb$", "Hello, World! 4$", "x1y22z33$",
                   "foo@bar.co$", "h\303\251llo w\303\266rl$", "a\nb\n$", "((x)$",
                   "abababababababababababababababababababa$");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "(?m).$", 6);
  node_set_string(c.g, c.node, "rewrite", "$", 1);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "ab$", "aaa bb$", "Hello, World! 4$", "x1y22z33$",
                   "foo@bar.co$", "h\303\251llo w\303\266rl$", "$\n$\n$", "((x)$",
                   "abababababababababababababababababababa$");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "(?s)a.b", 7);
  node_set_string(c.g, c.node, "rewrite", "!", 1);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "abc", "aa!bb", "Hello, World! 42", "x1y22z333",
                   "foo@bar.com", "h\303\251llo w\303\266rld", "!\nc", "((x))",
                   "abababababababababababababababababababab");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "(?i)hello|world", 15);
  node_set_string(c.g, c.node, "rewrite", "HW", 2);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "abc", "aaa bbb", "HW, HW! 42", "x1y22z333", "foo@bar.com",
                   "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                   "abababababababababababababababababababab");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "a|ab|abc", 8);
  node_set_string(c.g, c.node, "rewrite", "Z", 1);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "Zbc", "ZZZ bbb", "Hello, World! 42", "x1y22z333",
                   "foo@bZr.com", "h\303\251llo w\303\266rld", "Z\nb\nc", "((x))",
                   "ZbZbZbZbZbZbZbZbZbZbZbZbZbZbZbZbZbZbZbZb");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "(a|b)*", 6);
  node_set_string(c.g, c.node, "rewrite", "Q", 1);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "Q", "QcQ", "Q Q", "QHQeQlQlQoQ,Q QWQoQrQlQdQ!Q Q4Q2Q",
                   "QxQ1QyQ2Q2QzQ3Q3Q3Q", "QfQoQoQ@QrQ.QcQoQmQ",
                   "QhQ\303\251QlQlQoQ QwQ\303\266QrQlQdQ", "Q\nQ\nQcQ", "Q(Q(QxQ)Q)Q", "Q");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "\\b", 2);
  node_set_string(c.g, c.node, "rewrite", "|", 1);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "|abc|", "|aaa| |bbb|", "|Hello|, |World|! |42|",
                   "|x1y22z333|", "|foo|@|bar|.|com|", "|h|\303\251|llo| |w|\303\266|rld|",
                   "|a|\n|b|\n|c|", "((|x|))", "|abababababababababababababababababababab|");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "\\B", 2);
  node_set_string(c.g, c.node, "rewrite", "|", 1);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(
      &c, 0, SHAPE(10), "|", "a|b|c", "a|a|a b|b|b", "H|e|l|l|o,| W|o|r|l|d!| 4|2",
      "x|1|y|2|2|z|3|3|3", "f|o|o@b|a|r.c|o|m", "h\303|\251l|l|o w\303|\266r|l|d", "a\nb\nc",
      "|(|(x)|)|",
      "a|b|a|b|a|b|a|b|a|b|a|b|a|b|a|b|a|b|a|b|a|b|a|b|a|b|a|b|a|b|a|b|a|b|a|b|a|b|a|b");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "[^a-z ]", 7);
  node_set_string(c.g, c.node, "rewrite", "_", 1);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "abc", "aaa bbb", "_ello_ _orld_ __", "x_y__z___",
                   "foo_bar_com", "h_llo w_rld", "a_b_c", "__x__",
                   "abababababababababababababababababababab");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", ".", 1);
  node_set_string(c.g, c.node, "rewrite", ".", 1);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "...", ".......", "................", ".........",
                   "...........", "...........", ".\n.\n.", ".....",
                   "........................................");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "[[:punct:]]", 11);
  node_set_string(c.g, c.node, "rewrite", "", 0);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "abc", "aaa bbb", "Hello World 42", "x1y22z333",
                   "foobarcom", "h\303\251llo w\303\266rld", "a\nb\nc", "x",
                   "abababababababababababababababababababab");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "[[:^alpha:]]+", 13);
  node_set_string(c.g, c.node, "rewrite", " ", 1);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "abc", "aaa bbb", "Hello World ", "x y z ", "foo bar com",
                   "h llo w rld", "a b c", " x ", "abababababababababababababababababababab");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "(?:ab){3,5}", 11);
  node_set_string(c.g, c.node, "rewrite", "N", 1);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                   "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))", "NNNN");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "(?:ab){3,5}?", 12);
  node_set_string(c.g, c.node, "rewrite", "N", 1);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                   "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))", "NNNNNNabab");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "\\x41|\\x{e9}", 11);
  node_set_string(c.g, c.node, "rewrite", "E", 1);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                   "foo@bar.com", "hEllo w\303\266rld", "a\nb\nc", "((x))",
                   "abababababababababababababababababababab");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "(x)|(y)", 7);
  node_set_string(c.g, c.node, "rewrite", "[\\1\\2]", 6);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "[x]1[y]22z333",
                   "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "(([x]))",
                   "abababababababababababababababababababab");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "(((a)))", 7);
  node_set_string(c.g, c.node, "rewrite", "\\3\\\\", 4);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(
      &c, 0, SHAPE(10), "", "a\\bc", "a\\a\\a\\ bbb", "Hello, World! 42", "x1y22z333",
      "foo@ba\\r.com", "h\303\251llo w\303\266rld", "a\\\nb\nc", "((x))",
      "a\\ba\\ba\\ba\\ba\\ba\\ba\\ba\\ba\\ba\\ba\\ba\\ba\\ba\\ba\\ba\\ba\\ba\\ba\\ba\\b");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "<[^>]+>", 7);
  node_set_string(c.g, c.node, "rewrite", "", 0);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                   "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                   "abababababababababababababababababababab");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "a{0,1}b", 7);
  node_set_string(c.g, c.node, "rewrite", "B", 1);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "Bc", "aaa BBB", "Hello, World! 42", "x1y22z333",
                   "foo@Bar.com", "h\303\251llo w\303\266rld", "a\nB\nc", "((x))",
                   "BBBBBBBBBBBBBBBBBBBB");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "x{", 2);
  node_set_string(c.g, c.node, "rewrite", "q", 1);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                   "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                   "abababababababababababababababababababab");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "[]a]", 4);
  node_set_string(c.g, c.node, "rewrite", "q", 1);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "qbc", "qqq bbb", "Hello, World! 42", "x1y22z333",
                   "foo@bqr.com", "h\303\251llo w\303\266rld", "q\nb\nc", "((x))",
                   "qbqbqbqbqbqbqbqbqbqbqbqbqbqbqbqbqbqbqbqb");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "[a-]", 4);
  node_set_string(c.g, c.node, "rewrite", "q", 1);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "qbc", "qqq bbb", "Hello, World! 42", "x1y22z333",
                   "foo@bqr.com", "h\303\251llo w\303\266rld", "q\nb\nc", "((x))",
                   "qbqbqbqbqbqbqbqbqbqbqbqbqbqbqbqbqbqbqbqb");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "(a+)+b", 6);
  node_set_string(c.g, c.node, "rewrite", "!", 1);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "!c", "aaa bbb", "Hello, World! 42", "x1y22z333",
                   "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                   "!!!!!!!!!!!!!!!!!!!!");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "a", 1);
  node_set_string(c.g, c.node, "rewrite", "\\1", 2);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                   "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                   "abababababababababababababababababababab");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "\303\251|\303\266", 5);
  node_set_string(c.g, c.node, "rewrite", "e", 1);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                   "foo@bar.com", "hello werld", "a\nb\nc", "((x))",
                   "abababababababababababababababababababab");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "[\303\240-\303\277]", 7);
  node_set_string(c.g, c.node, "rewrite", "*", 1);
  node_set_bool(c.g, c.node, "replace_global", true);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                   "foo@bar.com", "h*llo w*rld", "a\nb\nc", "((x))",
                   "abababababababababababababababababababab");
  op_case_end(&c);
}

static void full_matches(void **state) {
  (void)state;
  op_case_t c;
  c = op_case("StaticRegexFullMatch");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", ".*", 2);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_BOOL, SHAPE(10), 0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1);
  op_case_end(&c);
  c = op_case("StaticRegexFullMatch");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "(?s).*", 6);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_BOOL, SHAPE(10), 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
  op_case_end(&c);
  c = op_case("StaticRegexFullMatch");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "abc|a", 5);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_BOOL, SHAPE(10), 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
  op_case_end(&c);
  c = op_case("StaticRegexFullMatch");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "a|abc", 5);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_BOOL, SHAPE(10), 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
  op_case_end(&c);
  c = op_case("StaticRegexFullMatch");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "[a-z]+", 6);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_BOOL, SHAPE(10), 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1);
  op_case_end(&c);
  c = op_case("StaticRegexFullMatch");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "(ab)+", 5);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_BOOL, SHAPE(10), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
  op_case_end(&c);
  c = op_case("StaticRegexFullMatch");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "\\w+@\\w+\\.com", 12);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_BOOL, SHAPE(10), 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0);
  op_case_end(&c);
  c = op_case("StaticRegexFullMatch");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "h.llo w.rld", 11);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_BOOL, SHAPE(10), 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0);
  op_case_end(&c);
  c = op_case("StaticRegexFullMatch");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "\\(+x\\)+", 7);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_BOOL, SHAPE(10), 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0);
  op_case_end(&c);
  c = op_case("StaticRegexFullMatch");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "", 0);
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_BOOL, SHAPE(10), 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  op_case_end(&c);
}

static void patterns_as_inputs(void **state) {
  (void)state;
  op_case_t c;
  c = op_case("RegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(1, 2), "a.b", "axb");
  CASE_IN_STRINGS(&c, SHAPE_SCALAR, "a.b");
  CASE_IN_STRINGS(&c, SHAPE_SCALAR, "z");
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(1, 2), "z", "z");
  op_case_end(&c);
  c = op_case("RegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(2), "a.b", "axb");
  CASE_IN_STRINGS(&c, SHAPE_SCALAR, "a\\.b");
  CASE_IN_STRINGS(&c, SHAPE_SCALAR, "z");
  node_set_bool(c.g, c.node, "replace_global", false);
  CASE_RUN(&c);
  CASE_OUT_STRINGS(&c, 0, SHAPE(2), "z", "axb");
  op_case_end(&c);
  c = op_case("RegexFullMatch");
  CASE_IN_STRINGS(&c, SHAPE(2), "a", "ab");
  CASE_IN_STRINGS(&c, SHAPE_SCALAR, "a.?");
  CASE_RUN(&c);
  CASE_OUT(&c, 0, DT_BOOL, SHAPE(2), 0, 1, 1);
  op_case_end(&c);
}

static void wrong_ones(void **state) {
  (void)state;
  op_case_t c;
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "(", 1);
  node_set_string(c.g, c.node, "rewrite", "", 0);
  CASE_FAILS(&c, INVALID_ARGUMENT, "missing )");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "a)", 2);
  node_set_string(c.g, c.node, "rewrite", "", 0);
  CASE_FAILS(&c, INVALID_ARGUMENT, "unexpected )");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "[a", 2);
  node_set_string(c.g, c.node, "rewrite", "", 0);
  CASE_FAILS(&c, INVALID_ARGUMENT, "missing ]");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "*", 1);
  node_set_string(c.g, c.node, "rewrite", "", 0);
  CASE_FAILS(&c, INVALID_ARGUMENT, "no argument for repetition");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "a**", 3);
  node_set_string(c.g, c.node, "rewrite", "", 0);
  CASE_FAILS(&c, INVALID_ARGUMENT, "bad repetition");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "[b-a]", 5);
  node_set_string(c.g, c.node, "rewrite", "", 0);
  CASE_FAILS(&c, INVALID_ARGUMENT, "invalid character class range");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "a{2,1}", 6);
  node_set_string(c.g, c.node, "rewrite", "", 0);
  CASE_FAILS(&c, INVALID_ARGUMENT, "invalid repetition size");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "\\y", 2);
  node_set_string(c.g, c.node, "rewrite", "", 0);
  CASE_FAILS(&c, INVALID_ARGUMENT, "invalid escape");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "a\\", 2);
  node_set_string(c.g, c.node, "rewrite", "", 0);
  CASE_FAILS(&c, INVALID_ARGUMENT, "trailing");
  op_case_end(&c);
  c = op_case("StaticRegexReplace");
  CASE_IN_STRINGS(&c, SHAPE(10), "", "abc", "aaa bbb", "Hello, World! 42", "x1y22z333",
                  "foo@bar.com", "h\303\251llo w\303\266rld", "a\nb\nc", "((x))",
                  "abababababababababababababababababababab");
  node_set_string(c.g, c.node, "pattern", "a{1001}", 7);
  node_set_string(c.g, c.node, "rewrite", "", 0);
  CASE_FAILS(&c, INVALID_ARGUMENT, "repetition size");
  op_case_end(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(replacements),
      cmocka_unit_test(full_matches),
      cmocka_unit_test(patterns_as_inputs),
      cmocka_unit_test(wrong_ones),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
