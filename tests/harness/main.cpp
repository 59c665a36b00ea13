#ifndef LAT_PLANTED
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#else
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdlib>

#include "kernels/common/planted.h"

int main(int argc, char** argv) {
  if (const char* bug = std::getenv("LATENT_PLANT"))
    lat::kernels::planted_bug = static_cast<lat::kernels::Bug>(std::atoi(bug));
  return doctest::Context(argc, argv).run();
}
#endif
