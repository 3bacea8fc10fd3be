module github.com/thawdev/thaw/bench

go 1.26.0

require github.com/thawdev/thaw v0.0.0

require github.com/HdrHistogram/hdrhistogram-go v1.4.0 // indirect

replace github.com/thawdev/thaw => ..
