#pragma once
// Recurrent layers. A sequence is time-major, (T,B,...), so that a time step is a free view. Where a mask (T,B) u8 is 0,
// the state is held: padding behind a shorter sequence, or a step that an agent did not take. A state left out is zeros.
// Weights and biases start as U(-a, a), a = 1 / sqrt(units); those of convolutions as in layers.h.
#include "engine/nn/layers.h"

namespace lat {

// Cho et al. 2014, "Learning Phrase Representations"; the reset gate on the projected state, bias included:
//   [x_r x_z x_n] = x W + b        [p_r p_z p_n] = h V + d
//   r = sigmoid(x_r + p_r)    z = sigmoid(x_z + p_z)    n = tanh(x_n + r p_n)    h' = (1 - z) n + z h
class Gru {
 public:
  Gru(Params& params, const std::string& name, i64 in, i64 units);
  // One step: x (B,in), h (B,units) -> (B,units). The leading axes may be any.
  Tensor step(const Tensor& x, const Tensor& h, const Tensor& mask = {}) const;
  // x (T,B,in), h0 (B,units) -> the states after each step (T,B,units).
  Tensor operator()(const Tensor& x, const Tensor& h0 = {}, const Tensor& mask = {}) const;
  Linear input, state;

 private:
  const Params* params_;
};

// Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000:
//   [a_i a_f a_g a_o] = x W + b + h V
//   i, f, o = sigmoid(a_i, a_f, a_o)    g = tanh(a_g)    c' = f c + i g    h' = o tanh(c')
class Lstm {
 public:
  Lstm(Params& params, const std::string& name, i64 in, i64 units);
  // One step: x (B,in), h and c (B,units) -> the same. The leading axes may be any.
  LstmState step(const Tensor& x, const LstmState& s, const Tensor& mask = {}) const;
  // x (T,B,in), start (B,units) each -> h and c after each step, (T,B,units) each.
  LstmState operator()(const Tensor& x, const LstmState& start = {}, const Tensor& mask = {}) const;
  Linear input;
  Slot state;

 private:
  const Params* params_;
};

// Shi et al. 2015, "Convolutional LSTM Network", without peepholes, as in GQN (Eslami et al. 2018): the LSTM of every
// pixel, its products convolutions of odd size over [x, h], written as the sum of one over x and one over h.
class ConvLstm {
 public:
  // `fed`: channels of an input that changes with each step and is read together with h, as against the `in` channels of
  // one whose projection is made beforehand.
  ConvLstm(Params& params, const std::string& name, i64 in, i64 channels, i64 size, i64 fed = 0);
  // The part of the gates that needs no state: x (N,H,W,in) -> (N,H,W,4 channels); N may hold all time steps.
  Tensor project(const Tensor& x) const { return input(x); }
  // The other part: h (B,H,W,channels), x (B,H,W,fed) or empty -> (B,H,W,4 channels).
  Tensor recall(const Tensor& h, const Tensor& x = {}) const;
  // One step: what was projected, h and c (B,H,W,channels), x (B,H,W,fed) or empty -> h and c.
  LstmState step(const Tensor& projected, const LstmState& s, const Tensor& x = {}) const;
  Conv2d input;
  Slot state;

 private:
  const Params* params_;
  Conv geometry_;
};

}  // namespace lat
