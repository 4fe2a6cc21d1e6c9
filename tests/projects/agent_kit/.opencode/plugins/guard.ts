export const Guard = async () => ({})
