#pragma once
// Figures as SVG: panels with axes below each other, 480 units wide, so that their text can be read on a phone.
#include <string>
#include <vector>

namespace lat::book {

struct Axis {
  std::string label;
  double from = 0, to = 1;
  std::vector<double> ticks = {};
  bool log = false;
  std::vector<std::string> names = {};  // what stands at the ticks; {}: their numbers
};

// Colours that stay apart for eyes that do not tell red from green.
inline constexpr const char* kBlue = "#0072b2";
inline constexpr const char* kOrange = "#d55e00";
inline constexpr const char* kGreen = "#009e73";
inline constexpr const char* kPurple = "#9467bd";
inline constexpr const char* kGrey = "#757575";

struct Stroke {
  double width = 2;
  bool dashed = false;
};

class Figure {
 public:
  static constexpr double kWidth = 480;

  // Everything that follows is drawn in this panel, in the numbers of its axes; what lies outside is cut off at its frame.
  void panel(const std::string& title, const Axis& x, const Axis& y, double height = 220);
  void line(const std::vector<double>& x, const std::vector<double>& y, const char* colour,
            Stroke stroke = {});
  void dots(const std::vector<double>& x, const std::vector<double>& y, const char* colour,
            double radius = 4);
  void bar(double x0, double x1, double y0, double y1, const char* colour, double opacity = 1);
  // anchor: start, middle, end
  void text(double x, double y, const std::string& text, const char* colour,
            const char* anchor = "start");
  // Names of colours, in a row above the panel's frame.
  void legend(const std::vector<std::pair<const char*, std::string>>& names);

  // Grey pictures without axes, row by row: each (h,w) in [0, 1], drawn in 8 greys.
  struct Row {
    std::string caption;
    std::vector<std::vector<float>> images;
  };
  void pictures(const std::vector<Row>& rows, int h, int w);

  std::string svg() const;

 private:
  double at_x(double x) const;
  double at_y(double y) const;

  std::string body_;
  double bottom_ = 0;  // of what has been drawn
  Axis x_, y_;
  double top_ = 0, height_ = 0;
  int panels_ = 0;
};

}  // namespace lat::book
