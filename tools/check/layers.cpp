// check_layers ROOT: does any #include point the wrong way?
#include "tools/check/check.h"

int main(int argc, char** argv) { return lat::check::run(argc, argv, lat::check::check_layers); }
