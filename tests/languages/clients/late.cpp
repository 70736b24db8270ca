// The same model from C++: the exported files compile as C++ too, or link as C.
//
//   g++ -std=c++17 -O2 -Iexported late.cpp exported/late.c -o late && ./late
#include <cmath>
#include <iostream>
#include <string>
#include <vector>

#include "late.h"

int main()
{
    std::vector<std::string> carriers = {"UA", "B6", "an airline that nobody knows"};
    for (const std::string &carrier : carriers) {
        late_row row = {};
        row.carrier = carrier.c_str();
        row.distance = 1400.0;
        row.sched_dep_time = 1725.0;
        row.time_hour = NAN;
        late_result result;
        late_predict(&row, &result);
        std::cout << carrier << ": " << late_classes[result.label] << ' ' << result.probabilities[1] << '\n';
    }
}
