// cmd: the commands of rulemill, and what several of them need.
#ifndef OPS_CMD_H
#define OPS_CMD_H

// Run the command that argv names and return the process's exit code (ops/exit_codes.h).
int cmd_main (int argc, char **argv);

#endif
