package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"riffle/cmd/internal"
	"riffle/pkg/auth"
	"riffle/pkg/config"
	"riffle/pkg/event"
	"riffle/pkg/rule"
)

func (a *app) rule() *cobra.Command {
	var tag, action string
	add := &cobra.Command{
		Use: "add USER VALUE", Short: "Add a rule and print its id", Args: cobra.ExactArgs(2),
		Example: `  riffle rule add ann 'coffee -decaf' --tag drinks
  riffle rule add ann --action drop -- '-lang:en giveaway'`,
		RunE: a.withStore(func(ctx context.Context, store internal.Store, args []string) error {
			return a.addRule(ctx, store, args[0], rule.Rule{Value: args[1], Tag: tag, Enabled: true}, action)
		}),
	}
	add.Flags().StringVar(&tag, "tag", "", "a word for what the rule is about")
	add.Flags().StringVar(&action, "action", rule.Keep.String(), "what to do with an event that matches: keep or drop")

	var asJSON bool
	check := &cobra.Command{
		Use: "check VALUE", Short: "Say what is wrong with a rule, or how it was understood", Args: cobra.ExactArgs(1),
		RunE: a.work(func(_ *cobra.Command, args []string) error { return a.checkRule(args[0], asJSON) }),
	}
	check.Flags().BoolVar(&asJSON, "json", false, "print errors, warnings and the canonical form as JSON")

	return a.group("rule", "Add, list, remove, check, import and export rules",
		add,
		&cobra.Command{
			Use: "list USER", Short: "List a user's rules with their matches of the last hour and day", Args: cobra.ExactArgs(1),
			RunE: a.withStore(a.listRules),
		},
		&cobra.Command{
			Use: "remove USER ID…", Short: "Remove rules; no filter uses them 2 seconds later", Args: cobra.MinimumNArgs(2),
			RunE: a.withStore(a.removeRules),
		},
		check,
		a.importRules(),
		a.exportRules(),
	)
}

func (a *app) addRule(ctx context.Context, store internal.Store, name string, r rule.Rule, action string) error {
	var err error
	if r.Action, err = rule.ParseAction(action); err != nil {
		return &config.UsageError{Problem: fmt.Sprintf("--action %v", err)}
	}
	if err := rule.CheckTag(r.Tag); err != nil {
		return &config.UsageError{Problem: fmt.Sprintf("--tag %v", err)}
	}
	expr, problems := rule.Parse(r.Value)
	if expr == nil {
		return fmt.Errorf("the rule is not right:\n%s", describe(r.Value, problems))
	}
	if len(problems) > 0 {
		fmt.Fprintln(a.stderr, describe(r.Value, problems))
	}
	r.Canonical = expr.Canonical()
	user, err := userNamed(ctx, store, name)
	if err != nil {
		return err
	}
	r.User = user.ID
	added, err := store.AddRule(ctx, r)
	if errors.Is(err, event.ErrExists) {
		return fmt.Errorf("%s has a rule with this meaning already: %s", name, r.Canonical)
	}
	if err != nil {
		return err
	}
	return a.say("%d", added.ID)
}

func (a *app) listRules(ctx context.Context, store internal.Store, args []string) error {
	user, err := userNamed(ctx, store, args[0])
	if err != nil {
		return err
	}
	rules, err := store.Rules(ctx, user.ID)
	if err != nil {
		return err
	}
	numbers, err := store.RuleNumbers(ctx, user.ID, time.Now())
	if err != nil {
		return err
	}
	table := newTable(a.stdout, "ID", "ACTION", "TAG", "1H", "24H", "LAST MATCH", "RULE")
	for _, r := range rules {
		n := numbers[r.ID]
		table.row(r.ID, stateOf(&r), r.Tag, n.Hour, n.Day, minute(n.Last), r.Value)
	}
	return table.flush()
}

// stateOf is a rule's action, and why it is off if it is.
func stateOf(r *rule.Rule) string {
	switch {
	case !r.FloodedAt.IsZero():
		return r.Action.String() + " (off: flooded)"
	case !r.Enabled:
		return r.Action.String() + " (off)"
	}
	return r.Action.String()
}

// minute prints a time, or a dash for none.
func minute(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

func (a *app) removeRules(ctx context.Context, store internal.Store, args []string) error {
	user, ids, err := userAndIDs(ctx, store, args)
	if err != nil {
		return err
	}
	for _, id := range ids {
		err := store.RemoveRule(ctx, user.ID, id)
		if errors.Is(err, event.ErrNotFound) {
			return fmt.Errorf("%s has no rule %d; riffle rule list %s shows all", user.Name, id, user.Name)
		}
		if err != nil {
			return err
		}
	}
	return a.say("removed %s", strings.Join(args[1:], ", "))
}

// userAndIDs reads USER ID….
func userAndIDs(ctx context.Context, store internal.Store, args []string) (auth.User, []int64, error) {
	ids := make([]int64, len(args)-1)
	for i, text := range args[1:] {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || id < 1 {
			return auth.User{}, nil, &config.UsageError{Problem: fmt.Sprintf("%q is no id; it is a number, as list shows", text)}
		}
		ids[i] = id
	}
	user, err := userNamed(ctx, store, args[0])
	return user, ids, err
}

// verdict is what rule check says in JSON.
type verdict struct {
	Errors    []rule.Problem `json:"errors"`
	Warnings  []rule.Problem `json:"warnings"`
	Canonical *string        `json:"canonical"`
}

// checkRule ends with status 1 for a rule that has errors.
func (a *app) checkRule(value string, asJSON bool) error {
	expr, problems := rule.Parse(value)
	v := verdict{Errors: []rule.Problem{}, Warnings: []rule.Problem{}}
	for _, p := range problems {
		if p.Warning {
			v.Warnings = append(v.Warnings, p)
		} else {
			v.Errors = append(v.Errors, p)
		}
	}
	if expr != nil {
		canonical := expr.Canonical()
		v.Canonical = &canonical
	}
	if err := a.tellVerdict(value, v, asJSON); err != nil {
		return err
	}
	if expr == nil {
		return &internal.StatusError{Status: 1}
	}
	return nil
}

func (a *app) tellVerdict(value string, v verdict, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(a.stdout)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(v)
	}
	if all := append(v.Errors, v.Warnings...); len(all) > 0 {
		fmt.Fprintln(a.stderr, describe(value, all))
	}
	if v.Canonical != nil {
		return a.say("%s", *v.Canonical)
	}
	return nil
}
