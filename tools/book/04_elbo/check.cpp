// The check of exercise 4. The gap of a K-valued z, worked out by hand for K = 2, and identities for more.
#include <vector>

#include "tools/book/exercise.h"

using Numbers = std::vector<double>;
double log_evidence(const Numbers& prior, const Numbers& likelihood);
double elbo(const Numbers& q, const Numbers& prior, const Numbers& likelihood);
double gap(const Numbers& q, const Numbers& prior, const Numbers& likelihood);
Numbers best_q(const Numbers& prior, const Numbers& likelihood);
double gaussian_kl(double mu, double sigma);
char why_a_bound();
char what_closes_it();

using namespace lat::book;

int main() {
  const Numbers half = {0.5, 0.5}, seen = {0.9, 0.3};  // p(x) = 0.6, posterior (3/4, 1/4)
  equal("log p(x) of two values is log 0.6", log_evidence(half, seen), std::log(0.6));
  equal("the ELBO of q = prior is the average of log p(x|z)", elbo(half, half, seen),
        (std::log(0.9) + std::log(0.3)) / 2);
  equal("the ELBO of a q that never takes one value", elbo({1, 0}, half, seen),
        std::log(0.9) - std::log(2));
  equal("the gap of q = prior is KL((1/2, 1/2) || (3/4, 1/4))", gap(half, half, seen),
        0.5 * std::log(0.5 / 0.75) + 0.5 * std::log(0.5 / 0.25));

  const Numbers prior = {0.1, 0.2, 0.3, 0.4}, likelihood = {0.02, 0.5, 0.07, 0.3},
                q = {0.4, 0.1, 0.2, 0.3};
  equal("ELBO + gap = log p(x), with four values",
        elbo(q, prior, likelihood) + gap(q, prior, likelihood), std::log(0.243));
  holds("the gap is positive where q is not the posterior", gap(q, prior, likelihood) > 0.1);
  const Numbers best = best_q(prior, likelihood);
  holds("the best q has a probability for each value", best.size() == 4);
  if (best.size() == 4) {
    equal("the best q sums to 1", best[0] + best[1] + best[2] + best[3], 1);
    equal("its ELBO is log p(x)", elbo(best, prior, likelihood), std::log(0.243));
    equal("its gap is 0", gap(best, prior, likelihood), 0);
    equal("and it is the posterior: q(z = 2) = 0.1 / 0.243", best[1], 0.1 / 0.243);
  }

  equal("KL( N(0,1) || N(0,1) ) = 0", gaussian_kl(0, 1), 0);
  equal("KL( N(2,1) || N(0,1) ) = 2", gaussian_kl(2, 1), 2);
  equal("KL( N(1,e^2) || N(0,1) ) = (e^2 - 2) / 2", gaussian_kl(1, std::exp(1.0)),
        (std::exp(2.0) - 2) / 2);

  answer("why it is a bound", why_a_bound(), 'b',
         "Densities exceed 1, a KL >= 0 is only one of two terms, and q may be anything: what "
         "carries the proof?");
  answer("what closes the gap", what_closes_it(), 'c',
         "The gap is KL(q || posterior) at the best q of its family: neither steps nor samples "
         "change the family.");
}
