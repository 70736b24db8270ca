/* One flight at a time with an exported model.
 *
 *   assay export c late.assay -o exported
 *   cc -std=c99 -O2 -Iexported late.c exported/late.c -lm -o late && ./late
 */
#include <math.h>
#include <stdio.h>

#include "late.h"

int main(void)
{
    late_row row = {0};
    late_result result;
    int k;

    row.carrier = "UA";
    row.distance = 1400.0;
    row.sched_dep_time = 1725.0; /* 17:25 */
    row.time_hour = NAN;         /* missing */

    late_predict(&row, &result);
    for (k = 0; k < LATE_CLASSES; k++)
        printf("%-4s %.6f%s\n", late_classes[k], result.probabilities[k], result.set[k] ? "  in the set" : "");
    printf("predicted: %s\n", late_classes[result.label]);
    return 0;
}
