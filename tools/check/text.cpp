// check_text ROOT: does any file say what none may say?
#include "tools/check/check.h"

int main(int argc, char** argv) { return lat::check::run(argc, argv, lat::check::check_text); }
