package iac

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/iac/account"
	"github.com/thawdev/thaw/stack/iac/terraform"
)

// maxFile is the largest file that is read, in bytes: plans and snapshots are
// much larger than templates.
const maxFile = 512 << 20

// ReadFile reads a template, a Terraform plan, state or source file, or a
// snapshot of an account. A folder is read by ReadFolder.
func ReadFile(path string, opts Options) (*stack.Stack, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("iac: cannot read the file: %w", err)
	}
	if info.IsDir() {
		return ReadFolder(path, opts)
	}
	if hasExtension(path, ".tf") {
		return terraform.ReadFile(path, terraformOptions(opts))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("iac: cannot read the file: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxTemplate+1))
	if err != nil {
		return nil, fmt.Errorf("iac: cannot read the file: %w", err)
	}
	// Both tell by the first bytes, so the rest of a large file is read only if
	// it is one of them.
	isTerraform, isAccount := terraform.Recognize(data) || isArchive(data), account.Recognize(data)
	if !isTerraform && !isAccount {
		return Read(path, data, opts)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("iac: %s has %d MB; at most %d MB are read", path, info.Size()>>20, maxFile>>20)
	}
	whole := bytes.NewBuffer(make([]byte, 0, max(info.Size(), int64(len(data)))+bytes.MinRead))
	whole.Write(data)
	if _, err := whole.ReadFrom(f); err != nil {
		return nil, fmt.Errorf("iac: cannot read the file: %w", err)
	}
	if isTerraform {
		return terraform.Read(path, whole.Bytes(), terraformOptions(opts))
	}
	return account.Read(path, whole.Bytes())
}

// isArchive recognizes the saved plan of terraform plan -out, so that its
// reader can say what to do.
func isArchive(data []byte) bool {
	return strings.HasPrefix(string(data[:min(4, len(data))]), "PK\x03\x04")
}

func terraformOptions(opts Options) terraform.Options {
	return terraform.Options{Variables: opts.Parameters, Region: opts.Region, Name: opts.StackName}
}

// ReadFolder reads a folder that holds one declaration: a template named
// template.yaml, template.yml or template.json, a Terraform plan or source, or
// the files that the AWS CLI printed.
func ReadFolder(path string, opts Options) (*stack.Stack, error) {
	template := templateIn(path)
	isTerraform := terraform.HasSource(path)
	switch {
	case template != "" && isTerraform:
		return nil, fmt.Errorf("iac: %s holds a template (%s) and Terraform; give the file that you mean", path, filepath.Base(template))
	case template != "":
		return ReadFile(template, opts)
	case isTerraform:
		return terraform.ReadFolder(path, terraformOptions(opts))
	}
	if message := foreignFolder(path); message != "" {
		return nil, fmt.Errorf("iac: %s: %s", path, message)
	}
	found, err := filepath.Glob(filepath.Join(path, "*.json"))
	if err != nil || len(found) == 0 {
		return nil, fmt.Errorf("iac: %s holds nothing that can be read; give a CloudFormation or SAM template, a Terraform plan (terraform show -json), "+
			"a folder of .tf files, or a snapshot (thaw snapshot)", path)
	}
	return account.ReadFolder(path)
}

// templateIn finds the template of a folder, or returns "".
func templateIn(path string) string {
	for _, base := range []string{"template.yaml", "template.yml", "template.json"} {
		file := filepath.Join(path, base)
		if _, err := os.Stat(file); err == nil {
			return file
		}
	}
	return ""
}

// foreignFolder says what to do with a folder of another kind of project.
func foreignFolder(path string) string {
	for base, advice := range map[string]string{"cdk.json": cdkAdvice, "serverless.yml": serverlessAdvice, "serverless.yaml": serverlessAdvice} {
		if _, err := os.Stat(filepath.Join(path, base)); err == nil {
			return advice
		}
	}
	return ""
}
