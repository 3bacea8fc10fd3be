package query

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"strconv"
)

// maxPages bounds a list that does not end. An account's quotas end far below.
const maxPages = 10_000

// listing is a call that lists resources in pages.
type listing struct {
	action  string
	element string     // that holds the items
	token   string     // the parameter for the next page, which the answer names too
	params  url.Values // nil: none
}

// pages makes the calls of a listing and gives the items of each page. An error
// is the last that it gives; the pages before it count.
func pages[T any](ctx context.Context, c *client, l listing) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		params := maps.Clone(l.params)
		if params == nil {
			params = url.Values{}
		}
		for range maxPages {
			data, err := c.call(ctx, l.action, params)
			if err != nil {
				yield(nil, err)
				return
			}
			items, next, err := decodePage[T](c.service, l, data)
			if err == nil && next != "" && next == params.Get(l.token) {
				err = fmt.Errorf("query: %s: a page names itself as the next", l.action)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(items, nil) || next == "" {
				return
			}
			params.Set(l.token, next)
		}
		yield(nil, fmt.Errorf("query: %s: more than %d pages", l.action, maxPages))
	}
}

// Filter limits a call of EC2 to resources of which Name has one of Values.
type Filter struct {
	Name   string // such as vpc-id
	Values []string
}

// filtered are the parameters of a call of EC2 with pages of a size.
func filtered(size int, filters []Filter) url.Values {
	params := url.Values{"MaxResults": {strconv.Itoa(size)}}
	for i, f := range filters {
		prefix := fmt.Sprintf("Filter.%d.", i+1)
		params.Set(prefix+"Name", f.Name)
		for j, v := range f.Values {
			params.Set(fmt.Sprintf("%sValue.%d", prefix, j+1), v)
		}
	}
	return params
}
