// The sub-commands; each gets its own name as argv[0] and returns the program's exit code.
#ifndef TFTRT_CLI_COMMANDS_H
#define TFTRT_CLI_COMMANDS_H

int cmd_show(int argc, char **argv);
int cmd_convert(int argc, char **argv);
int cmd_build(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_summary(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_cache(int argc, char **argv);
int cmd_ops(int argc, char **argv);
int cmd_doctor(int argc, char **argv);

#endif
