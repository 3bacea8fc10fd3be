package cache

// lookups lists the keys whose presence the server counts as a hit or a miss:
// those of commands that read. Source: the uses of lookupKeyRead in Redis 7.0,
// compared with a real server by a test.
//
// Commands of a transaction count when they are queued, not when they run.
func lookups(cmd string, args []string) []string {
	if len(args) == 0 {
		return nil
	}
	switch cmd {
	case "GET", "GETEX", "GETDEL", "GETSET", "GETRANGE", "SUBSTR", "STRLEN", "GETBIT", "BITCOUNT", "BITPOS", "LCS",
		"HGET", "HMGET", "HGETALL", "HEXISTS", "HKEYS", "HVALS", "HLEN", "HSTRLEN", "HRANDFIELD", "HSCAN",
		"LRANGE", "LLEN", "LINDEX", "LPOS",
		"SMEMBERS", "SISMEMBER", "SMISMEMBER", "SCARD", "SRANDMEMBER", "SSCAN",
		"ZRANGE", "ZREVRANGE", "ZRANGEBYSCORE", "ZREVRANGEBYSCORE", "ZRANGEBYLEX", "ZREVRANGEBYLEX", "ZSCORE", "ZMSCORE",
		"ZCARD", "ZCOUNT", "ZLEXCOUNT", "ZRANK", "ZREVRANK", "ZSCAN", "ZRANDMEMBER",
		"XLEN", "XRANGE", "XREVRANGE", "GEOPOS", "GEODIST", "GEOHASH",
		"TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME", "TYPE", "DUMP":
		return args[:1]
	case "MGET", "EXISTS", "TOUCH", "SUNION", "SINTER", "SDIFF", "PFCOUNT":
		return args
	}
	return nil
}
