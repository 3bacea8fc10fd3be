package redact

import (
	"strings"
	"testing"
)

var caches = map[string]bool{"shop.abc123.0001.use1.cache.amazonaws.com": true, "cache.corp.internal": true}

// A variable keeps what tells how a cache is reached, and no more.
func TestVariable(t *testing.T) {
	const host = "shop.abc123.0001.use1.cache.amazonaws.com"
	for _, c := range []struct{ name, value, want string }{
		{"CACHE_HOST", host, host},
		{"CACHE", host + ":6379", host + ":6379"},
		{"CACHE", "cache.corp.internal:6379", "cache.corp.internal:6379"},
		{"CACHE", "10.0.1.7", "10.0.1.7"},
		{"CACHE_URL", "rediss://" + host + ":6379/0", "rediss://" + host + ":6379/0"},
		{"CACHE_URL", "rediss://:hunter2@" + host + ":6379/0", "rediss://:(redacted)@" + host + ":6379/0"},
		{"CACHE_URL", "rediss://default:hunter2@" + host, "rediss://default:(redacted)@" + host},
		{"CACHE_URL", "rediss://app:hunter2@" + host, "rediss://(redacted):(redacted)@" + host},
		{"CACHE_URL", "rediss://hunter2@" + host, "rediss://(redacted)@" + host},
		{"CACHE_URL", "rediss://default:@" + host, "rediss://default:@" + host},
		{"CACHE_URL", "redis://:a,b@" + host + ":6379", "redis://:(redacted)@" + host + ":6379"},
		{"CACHE_URL", "redis://:a/b?c@d#@" + host + ":6379", "redis://:(redacted)@" + host + ":6379"},
		{"CACHE_URL", "redis://" + host + "?ssl=true&password=hunter2&db=2", "redis://" + host + "?ssl=true&db=2"},
		{"CACHE_URL", "redis://a.example.org:7000", "redis://a.example.org:7000"},
		{"NODES", "redis://:hunter2@" + host + ":6379,redis://:hunter2@10.0.0.1:6379", "redis://:(redacted)@" + host + ":6379,redis://:(redacted)@10.0.0.1:6379"},
		{"NODES", host + ":6379,password=hunter2,ssl=True,user=app", host + ":6379,password=(redacted),ssl=True,user=(redacted)"},
		{"NODES", host + ":11211 10.0.0.2:11211", host + ":11211,10.0.0.2:11211"},
		{"CACHE_PORT", "7000", "7000"},
		{"PORT", "70000", Mark},
		{"PASSWORD", "6379", Mark},
		{"PIN", "6380", Mark},
		{"ANSWER", "42", Mark},
		{"TLS", "true", "true"},
		{"REDIS_MODE", "cluster", "cluster"},
		{"REDIS_PASSWORD", "hunter2", Mark},
		{"EMPTY", "", ""},
		{"QUEUE", "https://sqs.eu-west-1.amazonaws.com/123456789012/orders?token=hunter2", "https://sqs.eu-west-1.amazonaws.com/(redacted)"},
		{"SECRET", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:hunter2", "arn:aws:secretsmanager:eu-west-1:123456789012:(redacted)"},
		{"DB", "postgres://app:hunter2@db.abc.eu-west-1.rds.amazonaws.com:5432/shop", "postgres://(redacted):(redacted)@db.abc.eu-west-1.rds.amazonaws.com:5432/(redacted)"},
		{"HOOK", "https://hooks.example.org/hunter2", Mark},
		{"LOG_LEVEL", "info", Mark},
		{"JSON", `{"password":"hunter2"}`, Mark},
		{"BARE", "app:hunter2@" + host + ":6379", Mark},
	} {
		got := Variable(c.name, c.value, caches)
		if got != c.want {
			t.Errorf("%s=%s: got %q, want %q", c.name, c.value, got, c.want)
		}
	}
}

// FuzzVariable checks that what is redacted stays as it is, and that a password
// in any place of a URL or a connection string does not survive.
func FuzzVariable(f *testing.F) {
	f.Add("CACHE_URL", "rediss://:", "@shop.abc123.0001.use1.cache.amazonaws.com:6379")
	f.Add("CACHE", "shop.abc123.0001.use1.cache.amazonaws.com:6379,password=", ",ssl=true")
	f.Add("X", "", "")
	f.Fuzz(func(t *testing.T, name, before, after string) {
		const password = "hunter2Secret"
		once := Variable(name, before+password+after, caches)
		if twice := Variable(name, once, caches); twice != once {
			t.Errorf("%q becomes %q, and that %q", before+password+after, once, twice)
		}
		// A host name may hold anything; credentials may not survive.
		if strings.Contains(before, "://:") && strings.HasPrefix(after, "@") && strings.Contains(once, password) {
			t.Errorf("the password is in %q", once)
		}
	})
}
