#include "engine/core/library.h"

#include <dlfcn.h>

#include "engine/core/error.h"

namespace lat {

void* open_library(const std::string& file, const std::string& package) {
  void* const library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  LAT_CHECK(library, Code::machine, file, "cannot be opened: ", ::dlerror(),
            ". Install it with  apt-get install ", package);
  return library;
}

void* open_any_library(const std::vector<std::string>& files, const std::string& package) {
  for (const std::string& file : files)
    if (void* const library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
  return open_library(files.front(), package);
}

void* symbol(void* library, const char* name, const std::string& file) {
  void* const found = ::dlsym(library, name);
  LAT_CHECK(found, Code::machine, file, "has no function ", name,
            "; it is another version than this program knows");
  return found;
}

const OpenBlas& openblas() {
  static const OpenBlas opened = [] {
    void* const library = open_library(OpenBlas::kFile, "libopenblas0-pthread");
    OpenBlas b;
    b.gemm = function_of<std::remove_pointer_t<decltype(b.gemm)>>(library, "cblas_sgemm",
                                                                  OpenBlas::kFile);
    b.set_threads = function_of<void(int)>(library, "openblas_set_num_threads", OpenBlas::kFile);
    b.about = function_of<const char*()>(library, "openblas_get_config", OpenBlas::kFile)();
    return b;
  }();
  return opened;
}

}  // namespace lat
