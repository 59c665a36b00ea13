#include "models/model.h"

namespace lat::models {

std::unique_ptr<Model> make_vae();
std::unique_ptr<Model> make_beta_vae();
std::unique_ptr<Model> make_linear_vae();
std::unique_ptr<Model> make_gqn();
std::unique_ptr<Model> make_neural_process();

const std::vector<Entry>& catalogue() {
  static const std::vector<Entry> kModels{
      {"vae", "Kingma & Welling 2014, eq. 3", "shapes", make_vae},
      {"beta_vae", "Higgins et al. 2017, eq. 4; Burgess et al. 2018, eq. 8", "shapes",
       make_beta_vae},
      {"linear_vae", "Lucas et al. 2019, eq. 7", "digits", make_linear_vae},
      {"gqn", "Eslami, Rezende et al. 2018, eqs. S1 to S16", "rooms", make_gqn},
      {"neural_process", "Garnelo et al. 2018, eqs. 1 to 4 and 9; Kim et al. 2019", "curves",
       make_neural_process},
  };
  return kModels;
}

const Entry& find_model(const std::string& name) {
  std::vector<std::string> names;
  for (const Entry& e : catalogue()) {
    if (name == e.name) return e;
    names.push_back(e.name);
  }
  fail(Code::usage, "model", "no model is called '", name, "'.", suggestion(name, names),
       "  (latent config list)");
}

}  // namespace lat::models
