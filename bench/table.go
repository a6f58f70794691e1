package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// result is one line of the table.
type result struct {
	what    string
	unit    string
	reached float64
	// aim is the number of the design, now the one that is asked for today; 0:
	// none. atMost says that less is better.
	aim, now float64
	atMost   bool
	// baseline is what the bare thing did in the same run; 0: there is none.
	baseline     float64
	baselineWhat string
	note         string
}

// verdict compares with today's number and the design's.
func (r result) verdict() string {
	meets := func(target float64) bool {
		if r.atMost {
			return r.reached <= target
		}
		return r.reached >= target
	}
	switch {
	case r.aim == 0 && r.now == 0:
		return ""
	case r.aim != 0 && meets(r.aim):
		return "design"
	case r.now != 0 && meets(r.now):
		return "now"
	}
	return "MISSED"
}

func printTable(w io.Writer, conditions []string, results []result) error {
	for _, c := range conditions {
		if _, err := fmt.Fprintln(w, "#", c); err != nil {
			return err
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "what\tunit\tdesign\tnow\treached\tmeets\tbaseline\tof it\t\t")
	for _, r := range results {
		share := ""
		if r.baseline > 0 {
			share = fmt.Sprintf("%.0f %%", 100*r.reached/r.baseline)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t %s\t\n", r.what, r.unit, number(r.aim), number(r.now), number(r.reached),
			r.verdict(), number(r.baseline), share, strings.Join(slices.DeleteFunc([]string{r.baselineWhat, r.note}, func(s string) bool { return s == "" }), "; "))
	}
	return t.Flush()
}

// number prints with separators, and nothing for none.
func number(v float64) string {
	switch {
	case v == 0:
		return ""
	case math.Abs(v) < 10:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	digits := strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// median sorts values.
func median(values []float64) float64 {
	slices.Sort(values)
	if len(values) == 0 {
		return 0
	}
	return values[len(values)/2]
}

// pairs measures the product and baselines in turn and gives the median of each.
func pairs(rounds int, measures ...func() (float64, error)) ([]float64, error) {
	all := make([][]float64, len(measures))
	for range rounds {
		for i, m := range measures {
			v, err := m()
			if err != nil {
				return nil, err
			}
			all[i] = append(all[i], v)
		}
	}
	medians := make([]float64, len(measures))
	for i := range all {
		medians[i] = median(all[i])
	}
	return medians, nil
}
