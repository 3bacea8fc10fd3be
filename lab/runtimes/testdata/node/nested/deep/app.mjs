export const handler = async (event) => ({ module: import.meta.url.split('/').pop(), event });
