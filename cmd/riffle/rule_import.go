package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"riffle/cmd/internal"
	"riffle/pkg/config"
	"riffle/pkg/event"
	"riffle/pkg/rule"
)

// importTimeout bounds what many rules may take.
const importTimeout = 10 * time.Minute

func (a *app) importRules() *cobra.Command {
	var form, tag string
	cmd := &cobra.Command{
		Use: "import USER [FILE]", Short: "Add the rules of a file, all or none", Args: cobra.RangeArgs(1, 2),
		Long: `Add the rules of FILE, or of the standard input, and print what became of each:
its line (in JSON its place), "added", "there" (the user has a rule with this
meaning already) or "wrong", its id, and the rule.

If one of them is wrong, none is added ("right" are those that would have been),
and the exit status is 1. A rule that is there stays as it is, so a file may be
imported again.

The forms are told apart by how they begin:
  json  [{"value":"coffee tea","tag":"drinks","action":"keep","enabled":true}],
        as export writes it, or an answer of GET /v1/rules
  x     {"add":[{"value":"coffee tea","tag":"drinks"}]}, as for X's stream
  list  a rule a line; empty lines and those that begin with "# " are left out`,
		Example: `  riffle rule import ann rules.json
  curl -s -H "Authorization: Bearer $X" https://api.x.com/2/tweets/search/stream/rules | riffle rule import ann
  printf 'coffee -decaf\n#golang\n' | riffle rule import ann --tag work`,
		RunE: a.withStoreFor(importTimeout, func(ctx context.Context, store internal.Store, args []string) error {
			return a.importFile(ctx, store, args, form, tag)
		}),
	}
	cmd.Flags().StringVar(&form, "format", formAuto, "what the file is: auto, json, x or list")
	cmd.Flags().StringVar(&tag, "tag", "", "the tag of rules that have none")
	return cmd
}

func (a *app) exportRules() *cobra.Command {
	var form string
	cmd := &cobra.Command{
		Use: "export USER", Short: "Print all of a user's rules, for import and other tools", Args: cobra.ExactArgs(1),
		Long: `Print all of a user's rules. What a form can't say is left out, and named on the
standard error: x and list know no rules that drop or are off. A list has no tags.`,
		RunE: a.withStore(func(ctx context.Context, store internal.Store, args []string) error {
			return a.exportTo(ctx, store, args[0], form)
		}),
	}
	cmd.Flags().StringVar(&form, "format", formJSON, "what to print: json, x or list")
	return cmd
}

// candidate is a rule on its way in.
type candidate struct {
	ruleLine
	rule     rule.Rule
	outcome  string // added, there or wrong
	problems string // what there is to say of it
}

const (
	outcomeAdded = "added"
	outcomeThere = "there"
	outcomeWrong = "wrong"
)

func (a *app) importFile(ctx context.Context, store internal.Store, args []string, form, tag string) error {
	if !slices.Contains([]string{formAuto, formJSON, formX, formList}, form) {
		return &config.UsageError{Problem: fmt.Sprintf("--format %q is none of auto, json, x, list", form)}
	}
	if err := rule.CheckTag(tag); err != nil {
		return &config.UsageError{Problem: fmt.Sprintf("--tag %v", err)}
	}
	user, err := userNamed(ctx, store, args[0])
	if err != nil {
		return err
	}
	text, err := a.readInput(args[1:])
	if err != nil {
		return err
	}
	lines, err := readRules(text, form)
	if err != nil {
		return err
	}
	there, err := store.Rules(ctx, user.ID)
	if err != nil {
		return err
	}
	candidates, wrong := judgeLines(lines, user.ID, tag, there)
	if wrong == 0 {
		err = addCandidates(ctx, store, candidates)
	}
	if err != nil {
		return err
	}
	return a.tellImport(candidates, wrong)
}

func (a *app) readInput(names []string) ([]byte, error) {
	if len(names) == 0 || names[0] == "-" {
		return io.ReadAll(a.stdin)
	}
	return os.ReadFile(names[0])
}

// judgeLines checks each rule, and whether the user or an earlier line has it
// already.
func judgeLines(lines []ruleLine, user int64, tag string, there []rule.Rule) (candidates []candidate, wrong int) {
	known := make(map[string]int64, len(there)) // ids; 0 of those on their way in
	for i := range there {
		known[there[i].Canonical] = there[i].ID
	}
	candidates = make([]candidate, len(lines))
	for i, line := range lines {
		c := &candidates[i]
		*c = judgeLine(line, tag)
		c.rule.User = user
		if c.outcome == outcomeWrong {
			wrong++
			continue
		}
		if id, is := known[c.rule.Canonical]; is {
			c.outcome, c.rule.ID = outcomeThere, id
			continue
		}
		known[c.rule.Canonical] = 0
	}
	return candidates, wrong
}

func judgeLine(line ruleLine, tag string) candidate {
	c := candidate{ruleLine: line, outcome: outcomeAdded}
	c.rule = rule.Rule{Tag: cmp.Or(line.Tag, tag), Enabled: line.Enabled == nil || *line.Enabled}
	if line.Value == nil {
		c.outcome, c.problems = outcomeWrong, `it has no "value"`
		return c
	}
	c.rule.Value = *line.Value
	expr, problems := rule.Parse(c.rule.Value)
	if len(problems) > 0 {
		c.problems = describe(c.rule.Value, problems)
	}
	if expr == nil {
		c.outcome = outcomeWrong
		return c
	}
	c.rule.Canonical = expr.Canonical()
	var err error
	if c.rule.Action, err = rule.ParseAction(cmp.Or(line.Action, rule.Keep.String())); err != nil {
		c.outcome, c.problems = outcomeWrong, fmt.Sprintf("its action %q %v", line.Action, err)
	}
	if err := rule.CheckTag(c.rule.Tag); err != nil {
		c.outcome, c.problems = outcomeWrong, fmt.Sprintf("its tag %v", err)
	}
	return c
}

// addCandidates stores those that are to be added in one transaction.
func addCandidates(ctx context.Context, store internal.Store, candidates []candidate) error {
	var rules []rule.Rule
	var of []*candidate
	for i := range candidates {
		if candidates[i].outcome == outcomeAdded {
			rules, of = append(rules, candidates[i].rule), append(of, &candidates[i])
		}
	}
	added, err := store.AddRules(ctx, rules)
	if errors.Is(err, event.ErrExists) {
		return errors.New("somebody added one of these rules meanwhile, so none was added; import them again")
	}
	if err != nil {
		return err
	}
	for i := range added {
		of[i].rule.ID = added[i].ID
	}
	return nil
}

// tellImport prints a line for each rule.
func (a *app) tellImport(candidates []candidate, wrong int) error {
	table := newTable(a.stdout, "LINE", "RESULT", "ID", "RULE")
	counts := map[string]int{}
	for i := range candidates {
		c := &candidates[i]
		outcome, id := c.outcome, "-"
		if wrong > 0 && outcome == outcomeAdded {
			outcome = "right"
		}
		if c.rule.ID > 0 {
			id = fmt.Sprint(c.rule.ID)
		}
		counts[outcome]++
		table.row(c.number, outcome, id, strings.Map(printable, c.rule.Value))
		if c.problems != "" {
			fmt.Fprintf(a.stderr, "line %d: %s\n", c.number, c.problems)
		}
	}
	if err := table.flush(); err != nil {
		return err
	}
	if wrong > 0 {
		fmt.Fprintf(a.stderr, "%d of %d rules are wrong, so none was added\n", wrong, len(candidates))
		return &internal.StatusError{Status: 1}
	}
	fmt.Fprintf(a.stderr, "%d added, %d there already\n", counts[outcomeAdded], counts[outcomeThere])
	return nil
}

func (a *app) exportTo(ctx context.Context, store internal.Store, name, form string) error {
	if !slices.Contains([]string{formJSON, formX, formList}, form) {
		return &config.UsageError{Problem: fmt.Sprintf("--format %q is none of json, x, list", form)}
	}
	user, err := userNamed(ctx, store, name)
	if err != nil {
		return err
	}
	rules, err := store.Rules(ctx, user.ID)
	if err != nil {
		return err
	}
	left, err := writeRules(a.stdout, rules, form)
	for i := range left {
		fmt.Fprintf(a.stderr, "left out, since this form can't say all of it: rule %d: %s\n", left[i].ID, strings.Map(printable, left[i].Value))
	}
	return err
}
