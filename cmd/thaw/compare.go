package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/thawdev/thaw/dash"
	"github.com/thawdev/thaw/metrics"
)

const compareExample = `  thaw lab -o before.json && thaw lab --network-profile per-environment-eni -o after.json
  thaw lab compare before.json after.json
  thaw lab compare before.json after.json --html compare.html`

// compareCommand lays two results side by side.
func compareCommand() *cobra.Command {
	var asJSON bool
	var html string
	cmd := &cobra.Command{
		Use:     "compare A.json B.json",
		Short:   "Lay two runs side by side, and say which differences are larger than the noise",
		Example: compareExample,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := readResult(args[0])
			if err != nil {
				return err
			}
			b, err := readResult(args[1])
			if err != nil {
				return err
			}
			c := dash.Compare(a, b)
			if html != "" {
				if err := writeFile(html, c.WriteHTML); err != nil {
					return fmt.Errorf("the page was not written: %w", err)
				}
			}
			out := cmd.OutOrStdout()
			if asJSON {
				return json.NewEncoder(out).Encode(c)
			}
			c.WriteText(out, isTerminal(out), width(out))
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the comparison as one JSON document")
	cmd.Flags().StringVar(&html, "html", "", "also write it as a self-contained page to this file")
	return cmd
}

func readResult(path string) (*metrics.Result, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := metrics.Decode(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}
