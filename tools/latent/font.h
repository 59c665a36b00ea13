#pragma once
// A font of 5 x 7 pixels for the printable ASCII characters, drawn as it looks: each band holds
// eight characters of 6 columns, 7 rows high, from ' ' on; the sixth column is the space between
// letters.
#include <array>
#include <cstdint>

namespace lat::tools {

inline constexpr int64_t kGlyphWidth = 6;
inline constexpr int64_t kGlyphHeight = 7;
inline constexpr int64_t kGlyphsPerBand = 8;
inline constexpr char kFirstGlyph = ' ';
inline constexpr char kLastGlyph = '~';

// clang-format off
inline constexpr std::array<const char*, 12 * kGlyphHeight> kFont = {
    // space ! " # $ % & '
    "        #    # #   # #    #   ##  #  ##     #   ",
    "        #    # #  #####  #### ## #  #  #    #   ",
    "        #    # #   # #  # #      #   ##     #   ",
    "        #          # #   ###    #   ## #        ",
    "        #          # #    # #  #    #  ##       ",
    "                  #####  ####  # ## #  #        ",
    "        #          # #    #   #  ##  ## #       ",
    // ( ) * + , - . /
    "   #   #                                     # ",
    "  #     #   # # #   #                        # ",
    " #       #   ###    #                       #  ",
    " #       #  ##### #####       #####        #   ",
    " #       #   ###    #     ##              #    ",
    "  #     #   # # #   #     ##          ##  #    ",
    "   #   #                 ##           ## #     ",
    // 0 1 2 3 4 5 6 7
    " ###    #    ###   ###     #  #####  ###  #####",
    "#   #  ##   #   # #   #   ##  #     #         #",
    "#  ##   #       #     #  # #  ####  #        # ",
    "# # #   #      #    ##  #  #      # ####    #  ",
    "##  #   #     #       # #####     # #   #   #  ",
    "#   #   #    #    #   #    #  #   # #   #  #   ",
    " ###   ###  #####  ###     #   ###   ###   #   ",
    // 8 9 : ; < = > ?
    " ###   ###                 #        #      ### ",
    "#   # #   #  ##    ##     #   #####  #    #   #",
    "#   # #   #  ##    ##    #            #       #",
    " ###   ####             #              #     # ",
    "#   #     #  ##    ##    #            #     #  ",
    "#   #     #  ##    ##     #   #####  #         ",
    " ###   ###        ##       #        #       #  ",
    // @ A B C D E F G
    " ###   ###  ####   ###  ####  ##### #####  ### ",
    "#   # #   # #   # #   # #   # #     #     #    ",
    "# ### #   # #   # #     #   # #     #     #    ",
    "# # # ##### ####  #     #   # ####  ####  #  ##",
    "# ### #   # #   # #     #   # #     #     #   #",
    "#     #   # #   # #   # #   # #     #     #   #",
    " ###  #   # ####   ###  ####  ##### #      ### ",
    // H I J K L M N O
    "#   #  ###    ### #   # #     #   # #   #  ### ",
    "#   #   #      #  #  #  #     ## ## ##  # #   #",
    "#   #   #      #  # #   #     # # # # # # #   #",
    "#####   #      #  ##    #     # # # #  ## #   #",
    "#   #   #      #  # #   #     #   # #   # #   #",
    "#   #   #   #  #  #  #  #     #   # #   # #   #",
    "#   #  ###   ##   #   # ##### #   # #   #  ### ",
    // P Q R S T U V W
    "####   ###  ####   #### ##### #   # #   # #   #",
    "#   # #   # #   # #       #   #   # #   # #   #",
    "#   # #   # #   # #       #   #   # #   # #   #",
    "####  #   # ####   ###    #   #   # #   # # # #",
    "#     # # # # #       #   #   #   # #   # # # #",
    "#     #  #  #  #      #   #   #   #  # #  ## ##",
    "#      ## # #   # ####    #    ###    #   #   #",
    // X Y Z [ \ ] ^ _
    "#   # #   # #####  ###        ###    #         ",
    "#   # #   #     #  #    #       #   # #        ",
    " # #   # #     #   #    #       #  #   #       ",
    "  #     #     #    #     #      #              ",
    " # #    #    #     #      #     #              ",
    "#   #   #   #      #       #    #              ",
    "#   #   #   #####  ###     #  ###         #####",
    // ` a b c d e f g
    " #          #               #         ##       ",
    "  #         #               #        #         ",
    "       ###  # ##   ###   ####  ###  ####   ####",
    "          # ##  # #     #   # #   #  #    #   #",
    "       #### #   # #     #   # #####  #     ####",
    "      #   # #   # #     #   # #      #        #",
    "       #### ####   ####  ####  ###   #     ### ",
    // h i j k l m n o
    "#       #      #  #      ##                    ",
    "#                 #       #                    ",
    "# ##   ##     ##  #  #    #   ## #  # ##   ### ",
    "##  #   #      #  # #     #   # # # ##  # #   #",
    "#   #   #      #  ##      #   # # # #   # #   #",
    "#   #   #   #  #  # #     #   # # # #   # #   #",
    "#   #  ###   ##   #  #   ###  # # # #   #  ### ",
    // p q r s t u v w
    "                         #                     ",
    "                         #                     ",
    "####   #### # ##   #### ####  #   # #   # #   #",
    "#   # #   # ##  # #      #    #   # #   # # # #",
    "####   #### #      ###   #    #   # #   # # # #",
    "#         # #         #  #  # #  ##  # #  # # #",
    "#         # #     ####    ##   ## #   #    # # ",
    // x y z { | } ~
    "                     ##   #   ##               ",
    "                    #     #     #              ",
    "#   # #   # #####   #     #     #    #         ",
    " # #  #   #    #   #      #      #  # # #      ",
    "  #    ####   #     #     #     #      #       ",
    " # #      #  #      #     #     #              ",
    "#   #  ###  #####    ##   #   ##               ",
};
// clang-format on

// Whether `character` has ink at (row, column); '?' stands for characters without a drawing.
constexpr bool glyph_ink(char character, int64_t row, int64_t column) {
  if (character < kFirstGlyph || character > kLastGlyph) character = '?';
  const int64_t glyph = character - kFirstGlyph;
  const int64_t line = glyph / kGlyphsPerBand * kGlyphHeight + row;
  const int64_t at = glyph % kGlyphsPerBand * kGlyphWidth + column;
  return column < kGlyphWidth - 1 && kFont[static_cast<size_t>(line)][at] == '#';
}

}  // namespace lat::tools
