exports.handler = async () => {
  return (;
};
