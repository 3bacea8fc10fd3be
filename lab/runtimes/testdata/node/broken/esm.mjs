import '@aws-sdk/client-nothing';
