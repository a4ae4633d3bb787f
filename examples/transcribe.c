/* The demo: a chord progression is synthesised, basic-pitch (a music transcription model of
 * Spotify's) is converted, the original and the converted model hear the notes, and the two are
 * compared: transcribe MODEL DIR.
 *
 * The model takes windows of 43844 samples at 22050 Hz and gives, for 172 frames and 88 keys of a
 * piano, the probability that a note sounds ("note"). */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tftrt/tftrt.h>
#include <time.h>

enum { SAMPLES = 43844, RATE = 22050, KEYS = 88, LOWEST_KEY = 21, CHORDS = 4, NOTES = 3 };
static const double PI = 3.14159265358979323846;
static const char *const names[CHORDS] = {"C", "Am", "F", "G"};
static const int chords[CHORDS][NOTES] = {{60, 64, 67}, {57, 60, 64}, {53, 57, 60}, {55, 59, 62}};

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Plucked strings: six partials, each fading faster than the one below it. */
static void synthesise(float *audio) {
  float peak = 0;
  for (int c = 0; c < CHORDS; c++) {
    for (int i = 0; i < SAMPLES; i++) {
      double t = (double)i / RATE, y = 0;
      for (int k = 0; k < NOTES; k++) {
        double f0 = 440 * exp2((chords[c][k] - 69) / 12.0);
        for (int h = 1; h <= 6; h++)
          y += sin(2 * PI * f0 * h * t) * pow(0.6, h - 1) * exp(-t * (0.8 + 0.4 * h));
      }
      float v = (float)(y * fmin(1, t / 0.01));
      audio[c * SAMPLES + i] = v;
      peak = fmaxf(peak, fabsf(v));
    }
  }
  for (int i = 0; i < CHORDS * SAMPLES; i++) audio[i] *= 0.8f / peak;
}

static const char *key_name(int midi, char *buf, size_t n) {
  static const char *const letters[] = {"C",  "C#", "D",  "D#", "E",  "F",
                                        "F#", "G",  "G#", "A",  "A#", "B"};
  snprintf(buf, n, "%s%d", letters[midi % 12], midi / 12 - 1);
  return buf;
}

/* A key is heard when it sounds with a mean probability above 0.5 over a second after the attack.
 * Returns how many chords were heard as played. */
static int print_notes(const char *who, const tftrt_tensor *note) {
  int right = 0;
  int64_t frames = note->dims[1];
  printf("%-10s", who);
  for (int c = 0; c < CHORDS; c++) {
    int found = 0, played = 0;
    printf(" %s:", names[c]);
    for (int key = 0; key < KEYS; key++) {
      double sum = 0;
      for (int f = 8; f < 94; f++) sum += ((float *)note->data)[(c * frames + f) * KEYS + key];
      if (sum / 86 <= 0.5) continue;
      char name[16];
      printf(" %s", key_name(key + LOWEST_KEY, name, sizeof name));
      found++;
      for (int k = 0; k < NOTES; k++) played += chords[c][k] == key + LOWEST_KEY;
    }
    right += found == NOTES && played == NOTES;
    printf("%s", c + 1 < CHORDS ? "," : "\n");
  }
  return right;
}

static tftrt_code run(tftrt_model *m, float *audio, tftrt_tensor *out, int n_out, tftrt_error *e) {
  tftrt_tensor in = {.dtype = TFTRT_FLOAT, .rank = 3, .dims = {CHORDS, SAMPLES, 1}, .data = audio};
  in.bytes = sizeof(float) * CHORDS * SAMPLES;
  return tftrt_model_run(m, NULL, &in, 1, out, n_out, e);
}

/* The median of nine runs, alternating between the two models so that both meet the same machine.
 */
static double medians(tftrt_model *const m[2], float *audio, double ms[2], tftrt_error *e) {
  enum { RUNS = 9 };
  double t[2][RUNS];
  for (int r = 0; r < RUNS; r++) {
    for (int k = 0; k < 2; k++) {
      tftrt_tensor out[3] = {0};
      double t0 = seconds();
      if (run(m[k], audio, out, 3, e)) return 0;
      t[k][r] = 1e3 * (seconds() - t0);
      for (int i = 0; i < 3; i++) tftrt_tensor_release(&out[i]);
    }
  }
  for (int k = 0; k < 2; k++) {
    for (int i = 1; i < RUNS; i++)
      for (int j = i; j && t[k][j - 1] > t[k][j]; j--) {
        double x = t[k][j];
        t[k][j] = t[k][j - 1];
        t[k][j - 1] = x;
      }
    ms[k] = t[k][RUNS / 2];
  }
  return ms[0] / ms[1];
}

static long long folder_bytes(const char *path) {
  struct stat st;
  if (lstat(path, &st)) return 0;
  if (!S_ISDIR(st.st_mode)) return (long long)st.st_size;
  long long sum = 0;
  DIR *d = opendir(path);
  for (struct dirent *f; d && (f = readdir(d));) {
    char inner[4096];
    if (f->d_name[0] == '.') continue;
    snprintf(inner, sizeof inner, "%s/%s", path, f->d_name);
    sum += folder_bytes(inner);
  }
  if (d) closedir(d);
  return sum;
}

static void print_line(void *to, const char *line) { fprintf(to, "%s\n", line); }

/* Engines are built for the shape that will be run. */
typedef struct feed {
  float *audio;
  int given;
} feed_t;

static int next_input(void *user, tftrt_tensor *inputs, int n) {
  feed_t *f = user;
  if (f->given || n != 1) return 0;
  f->given = 1;
  inputs[0] = (tftrt_tensor){
      .dtype = TFTRT_FLOAT, .rank = 3, .dims = {CHORDS, SAMPLES, 1}, .data = f->audio};
  inputs[0].bytes = sizeof(float) * CHORDS * SAMPLES;
  return 1;
}

static tftrt_code convert(const char *from, const char *to, float *audio, tftrt_error *e) {
  tftrt_converter_options o;
  tftrt_converter_options_init(&o);
  o.input_saved_model_dir = from;
  tftrt_converter *c = NULL;
  feed_t f = {audio, 0};
  double t0 = seconds();
  tftrt_code code = tftrt_converter_create(&o, &c, e);
  if (!code) code = tftrt_converter_convert(c, NULL, NULL, e);
  if (!code) code = tftrt_converter_build(c, next_input, &f, e);
  if (!code) code = tftrt_converter_save(c, to, 1, e);
  if (!code) printf("Converted and built in %.2f s.\n\n", seconds() - t0);
  if (!code) code = tftrt_converter_summary(c, 160, 1, print_line, stdout, e);
  tftrt_converter_destroy(c);
  return code;
}

/* The "note" output of both models, compared. */
static int compare(tftrt_model *const m[2], float *audio, tftrt_error *e) {
  tftrt_tensor out[2][3] = {0};
  int n_out = tftrt_model_output_count(m[0], NULL), right[2] = {0, 0};
  double worst = 0, ms[2];
  if (n_out != 3) return 1;
  for (int k = 0; k < 2; k++)
    if (run(m[k], audio, out[k], n_out, e)) return 1;
  printf("%-10s", "played");
  for (int c = 0; c < CHORDS; c++) {
    printf(" %s:", names[c]);
    for (int k = 0; k < NOTES; k++) {
      char name[16];
      printf(" %s", key_name(chords[c][k], name, sizeof name));
    }
    printf("%s", c + 1 < CHORDS ? "," : "\n");
  }
  for (int i = 0; i < n_out; i++) {
    tftrt_tensor_info info = TFTRT_TENSOR_INFO_INIT;
    tftrt_model_output(m[0], NULL, i, &info, e);
    const float *a = out[0][i].data, *b = out[1][i].data;
    for (size_t k = 0; k < out[0][i].bytes / sizeof *a; k++)
      worst = fmax(worst, fabs((double)a[k] - (double)b[k]));
    for (int k = 0; strcmp(info.name, "note") == 0 && k < 2; k++)
      right[k] = print_notes(k ? "converted" : "original", &out[k][i]);
  }
  for (int k = 0; k < 2; k++)
    for (int i = 0; i < n_out; i++) tftrt_tensor_release(&out[k][i]);
  printf("Largest difference of any output: %.2g\n", worst);
  double speedup = medians(m, audio, ms, e);
  if (speedup <= 0) return 1;
  printf("%d windows of 2 s: original %.1f ms, converted %.1f ms: %.2f times as fast\n", CHORDS,
         ms[0], ms[1], speedup);
  if (right[0] == CHORDS && right[1] == CHORDS && worst < 1e-3) return 0;
  printf("NOT as it should be: %d and %d of %d chords were heard as played\n", right[0], right[1],
         CHORDS);
  return 2;
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: %s MODEL DIR\n", argv[0]);
    return 2;
  }
  float *audio = aligned_alloc(64, sizeof(float) * CHORDS * SAMPLES / 64 * 64 + 64);
  if (!audio) return 1;
  synthesise(audio);
  tftrt_error e = TFTRT_ERROR_INIT;
  tftrt_model *m[2] = {0};
  printf("Model: %s\n", argv[1]);
  tftrt_code code = convert(argv[1], argv[2], audio, &e);
  if (!code) code = tftrt_model_open(argv[1], NULL, &m[0], &e);
  if (!code) code = tftrt_model_open(argv[2], NULL, &m[1], &e);
  int rc = code ? 1 : compare(m, audio, &e);
  if (rc < 2 && e.code) fprintf(stderr, "%s: %s\n", tftrt_code_name(e.code), e.message);
  if (!rc)
    printf("On disk: original %.2f MB, converted %.2f MB\n", 1e-6 * (double)folder_bytes(argv[1]),
           1e-6 * (double)folder_bytes(argv[2]));
  tftrt_model_close(m[0]);
  tftrt_model_close(m[1]);
  free(audio);
  return rc;
}
